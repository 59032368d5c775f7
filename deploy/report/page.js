"use strict";
// Draws the figures of the page. Colours in them are CSS variables, so light and dark are one set.
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const config = { displayModeBar: false, responsive: true, showTips: false };
  const drawn = new Set();

  const coloured = (value, style) => {
    if (typeof value === "string") {
      const name = /^var\((--[\w-]+)\)$/.exec(value);
      return name ? style.getPropertyValue(name[1]).trim() : value;
    }
    if (Array.isArray(value)) return value.map((item) => coloured(item, style));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, coloured(v, style)]));
  };

  const draw = (place) => {
    const figure = coloured(figures[place.dataset.plot], getComputedStyle(document.documentElement));
    drawn.add(place);
    document.body.dataset.drawn = String(drawn.size);
    return Plotly.react(place, figure.data, figure.layout, config);
  };

  const drawVisible = (root) => {
    for (const place of root.querySelectorAll("[data-plot]")) {
      if (!place.closest("[hidden]") && !drawn.has(place)) draw(place);
    }
  };

  // One digit at a time; its plots are drawn when it is shown, since hidden ones have no width.
  const tabs = [...document.querySelectorAll("[data-pick]")];
  const pick = (chosen) => {
    stop();
    for (const tab of tabs) {
      const on = tab === chosen;
      tab.setAttribute("aria-selected", String(on));
      tab.tabIndex = on ? 0 : -1;
      document.getElementById(`digit-${tab.dataset.pick}`).hidden = !on;
    }
    drawVisible(document.getElementById(`digit-${chosen.dataset.pick}`));
  };
  for (const [index, tab] of tabs.entries()) {
    tab.addEventListener("click", () => pick(tab));
    tab.addEventListener("keydown", (event) => {
      const move = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!move) return;
      const next = tabs[(index + move + tabs.length) % tabs.length];
      next.focus();
      pick(next);
    });
  }

  // Play: time runs through the window of one layer after the other.
  const button = document.getElementById("play");
  let timer = null;
  const panels = () => [...document.querySelectorAll(".digit:not([hidden]) figure[data-steps]")];
  const show = (panel, time) => {
    const place = panel.querySelector("[data-plot]");
    const steps = Number(panel.dataset.steps);
    if (!steps) {
      place.style.opacity = time >= 0 ? "1" : "0.08";
      return;
    }
    const seen = figures[place.dataset.plot].data[0].x.flatMap((x, i) => (x <= time ? [i] : []));
    Plotly.restyle(place, { selectedpoints: [seen], "unselected.marker.opacity": 0.05 });
  };
  const stop = () => {
    if (timer === null) return;
    clearInterval(timer);
    timer = null;
    button.textContent = "▶ play";
    for (const panel of panels()) show(panel, Infinity);
  };
  const play = () => {
    const all = panels();
    const last = all.reduce((sum, panel) => sum + Number(panel.dataset.steps), 0) + 3;
    let now = -1;
    button.textContent = "■ stop";
    const step = () => {
      if (now > last) return stop();
      let start = 0;
      for (const panel of all) {
        show(panel, now - start);
        start += Number(panel.dataset.steps);
      }
      now += 1;
      return undefined;
    };
    timer = setInterval(step, 160);
    step();
  };
  if (button) button.addEventListener("click", () => (timer === null ? play() : stop()));

  if (tabs.length) pick(tabs[0]);
  drawVisible(document);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    stop();
    drawn.clear();
    drawVisible(document);
  });
})();
