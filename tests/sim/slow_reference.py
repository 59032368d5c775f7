"""The contract once more, neuron by neuron in plain Python, to check the reference against.

It shares no code with the package: numbers come straight from the tensors, indices from formulas.
A signal is a list over steps of lists over neurons (windowed: a list over neurons).
"""

from __future__ import annotations


def run_slowly(network, image):
    """One image: dict of what every layer sends, dict of final V, class, decided step."""
    windowed = any(
        hasattr(layer, "neuron") and layer.neuron.schedule == "windowed" for layer in network.layers
    )
    return _windowed(network, image) if windowed else _stepped(network, image)


def _sources(network):
    before, found = "input", []
    for layer in network.layers:
        names = layer.sources if layer.kind == "residual" else (layer.source or before,)
        found.append((layer, names))
        before = layer.name
    return found


def _weight(stored, bits):
    if bits == 1:
        return -1 if stored < 0 else 1
    return int(stored)


def _connections(network, layer):
    """For every neuron its (input, weight) pairs, and its row of thresholds and biases."""
    weight = network.tensors[f"{layer.name}.weight"]
    if layer.kind == "dense":
        return [
            ([(i, _weight(weight[j, i], layer.weight_bits)) for i in range(layer.inputs)], j)
            for j in range(layer.outputs)
        ]
    (kh, kw), (sh, sw), (ph, pw) = layer.kernel, layer.stride, layer.padding
    rows = (layer.height + 2 * ph - kh) // sh + 1
    columns = (layer.width + 2 * pw - kw) // sw + 1
    ins, outs = layer.channels_in // layer.groups, layer.channels_out // layer.groups
    found = []
    for channel in range(layer.channels_out):
        for row in range(rows):
            for column in range(columns):
                pairs = []
                for c in range(ins):
                    for y in range(kh):
                        for x in range(kw):
                            h, w = row * sh + y - ph, column * sw + x - pw
                            if 0 <= h < layer.height and 0 <= w < layer.width:
                                at = (channel // outs * ins + c) * layer.height + h
                                pairs.append((at * layer.width + w,
                                              _weight(weight[channel, c, y, x],
                                                      layer.weight_bits)))  # fmt: skip
                found.append((pairs, channel))
    return found


def _windows(layer):
    """For every pooled neuron the inputs of its window."""
    rows = (layer.height - layer.kernel) // layer.stride + 1
    columns = (layer.width - layer.kernel) // layer.stride + 1
    return [
        [(c * layer.height + row * layer.stride + y) * layer.width + column * layer.stride + x
         for y in range(layer.kernel) for x in range(layer.kernel)]
        for c in range(layer.channels) for row in range(rows) for column in range(columns)
    ]  # fmt: skip


def _number(network, layer, what, at):
    numbers = network.tensors.get(f"{layer.name}.{what}")
    if numbers is None:
        return 0
    return int(numbers[at if len(numbers) > 1 else 0])


def _windowed(network, image):
    sent, finals = {"input": [int(k) for k in image]}, {}
    for layer, names in _sources(network):
        arriving = [sent[name] for name in names]
        if hasattr(layer, "neuron"):
            heights, fired = [], []
            for pairs, at in _connections(network, layer):
                v = _number(network, layer, "bias", at)
                v += sum(w * arriving[0][i] for i, w in pairs)
                heights.append(v)
                steps = layer.neuron.steps
                theta = _number(network, layer, "threshold", at)
                times = [t for t in range(steps) if v >= theta * (steps - t)]
                fired.append(steps - times[0] if times and layer.neuron.fires else 0)
            finals[layer.name] = heights
            sent[layer.name] = fired if layer.neuron.fires else None
        else:
            sent[layer.name] = _merge(layer, arriving)
            if layer.kind == "first_spike_pool":
                sent[layer.name] = [max(arriving[0][i] for i in one) for one in _windows(layer)]
    scores = _by_class(network, finals[network.layers[-1].name], sum)
    return sent, finals, scores.index(max(scores)), -1


def _merge(layer, arriving):
    if layer.kind == "flatten":
        return list(arriving[0])
    if layer.kind == "avg_pool":
        return [sum(arriving[0][i] for i in window) for window in _windows(layer)]
    if layer.kind == "residual":
        function = {"add": lambda a, b: a + b, "and": lambda a, b: 1 if a and b else 0,
                    "iand": lambda a, b: 1 if b and not a else 0}[layer.function]  # fmt: skip
        return [function(a, b) for a, b in zip(*arriving, strict=True)]
    return None


def _by_class(network, values, together):
    votes = network.readout.votes
    return [together(values[c * votes : (c + 1) * votes]) for c in range(network.readout.classes)]


def _input(network, image):
    spec = network.input
    if spec.coding == "spikes":
        return [[int(x) for x in step] for step in image]
    if spec.coding == "graded":
        return [[int(x) for x in image]] * spec.steps
    return [[1 if spec.steps - t == k else 0 for k in image] for t in range(spec.steps)]


def _stepped(network, image):
    sent, finals, compared = {"input": _input(network, image)}, {}, {}
    for layer, names in _sources(network):
        arriving = [sent[name] for name in names]
        if hasattr(layer, "neuron"):
            sent[layer.name], finals[layer.name], compared[layer.name] = _run(
                network, layer, arriving[0]
            )
        elif layer.kind == "first_spike_pool":
            sent[layer.name] = _first(layer, arriving[0])
        else:
            sent[layer.name] = [_merge(layer, one) for one in zip(*arriving, strict=True)]
    last = network.layers[-1].name
    chosen, step = _choose(network, sent[last], finals[last], compared[last])
    if step >= 0:
        finals[last] = compared[last][step]
    return sent, finals, chosen, step


def _first(layer, steps):
    seen, found = set(), []
    for values in steps:
        now = [j for j, window in enumerate(_windows(layer)) if any(values[i] for i in window)]
        found.append([1 if j in now and j not in seen else 0 for j in range(len(_windows(layer)))])
        seen.update(now)
    return found


def _choose(network, spikes, finals, compared):
    kind, votes = network.readout.kind, network.readout.votes
    sums = _by_class(network, finals, sum)
    classes = range(len(sums))
    if kind == "max_membrane":
        return max(classes, key=lambda c: (sums[c], -c)), -1
    if kind == "spike_count":
        counts = _by_class(network, [sum(s[j] for s in spikes) for j in range(len(finals))], sum)
        return max(classes, key=lambda c: (counts[c], sums[c], -c)), -1
    for step, fired in enumerate(spikes):
        if any(fired):
            best = {}
            for j, spike in enumerate(fired):
                if spike:
                    v = compared[step][j]
                    best[j // votes] = max(v, best.get(j // votes, v))
            return max(best, key=lambda c: (best[c], -c)), step
    tops = _by_class(network, finals, max)
    return max(classes, key=lambda c: (tops[c], -c)), -1


def _rounded(numerator, shift, how):
    quotient, rest = divmod(numerator, 2**shift)
    if how == "zero" and numerator < 0 and rest:
        return quotient + 1
    if how == "nearest_even" and rest * 2 > 2**shift:
        return quotient + 1
    if how == "nearest_even" and rest * 2 == 2**shift:
        return quotient + quotient % 2
    return quotient


def _leak(value, leak, how):
    return {
        "none": lambda: 0,
        "all": lambda: value,
        "shift": lambda: _rounded(value, leak.shift, how),
        "multiply": lambda: _rounded(value * leak.multiplier, leak.shift, how),
    }[leak.kind]()


def _clip(spec, value, bits):
    if spec.overflow == "clip":
        return max(-(2 ** (bits - 1)), min(2 ** (bits - 1) - 1, value))
    assert -(2 ** (bits - 1)) <= value < 2 ** (bits - 1), "a width was proven that does not hold"
    return value


def _run(network, layer, arriving):
    """Spikes by step, V after the last step, V as compared by step."""
    spec, neurons = layer.neuron, _connections(network, layer)
    count = len(neurons)
    current, v = [0] * count, [0] * count
    pending, gone, wait = [False] * count, [False] * count, [0] * count
    spikes, compared = [], []
    for t in range(spec.steps):
        now, seen = [0] * count, [0] * count
        for j, (pairs, at) in enumerate(neurons):
            theta = _number(network, layer, "threshold", at)
            if spec.threshold_shape == "falling":
                theta *= spec.steps - t
            if pending[j]:
                v[j] = 0 if spec.after_spike == "zero" else v[j] - theta
                pending[j] = False
            total = 0
            for delay, gain in [(p.delay, p.gain) for p in spec.taps] or [(0, 1)]:
                when = t - layer.delay - delay
                if 0 <= when < len(arriving):
                    total += gain * sum(w * arriving[when][i] for i, w in pairs)
            if t and getattr(layer, "recurrent", None):
                stored = network.tensors[f"{layer.name}.recurrent"][j]
                total += sum(_weight(stored[i], layer.recurrent.weight_bits)
                             for i, spike in enumerate(spikes[-1]) if spike)  # fmt: skip
            if gone[j]:
                seen[j] = v[j]
                continue
            current[j] += total - _leak(current[j], spec.current_leak, spec.rounding)
            current[j] = _clip(spec, current[j], spec.current_bits)
            raised = v[j] - _leak(v[j], spec.membrane_leak, spec.rounding) + current[j]
            raised += _number(network, layer, "bias", at)
            if wait[j]:
                wait[j] -= 1
                v[j] = seen[j] = 0
                continue
            v[j] = seen[j] = _clip(spec, raised, spec.membrane_bits)
            if spec.fires and (v[j] > theta or (spec.compare == "ge" and v[j] == theta)):
                now[j] = 1
                wait[j] = spec.refractory
                if spec.after_spike == "silent":
                    gone[j] = True
                elif spec.reset_timing == "next_step":
                    pending[j] = True
                else:
                    v[j] = 0 if spec.after_spike == "zero" else v[j] - theta
        spikes.append(now)
        compared.append(seen)
    return spikes, v, compared
