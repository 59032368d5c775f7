// Runs images on a mapped netlist, back to back, and keeps all nets of every cycle as bit rows.
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "Vmodel.h"
#include "verilated.h"

// @CONSTANTS@

namespace {

struct Gate {
  std::unique_ptr<VerilatedContext> context;
  std::unique_ptr<Vmodel> top;
  const uint64_t* items = nullptr;
  const int64_t* offsets = nullptr;  // of each image's first item, and one more
  int64_t images = 0, position = 0, sent = 0, done = 0;
  int64_t cycle = 0;
  int64_t* classes = nullptr;
  int64_t* first = nullptr;
  int64_t* result = nullptr;
};

void tick(Gate* g) {
  g->top->clk = 0;
  g->top->eval();
  g->top->clk = 1;
  g->top->eval();
  g->cycle++;
}

// A matrix of 64 x 64 bits, rows and columns exchanged in place (by halves, quarters, ...).
void transpose(uint64_t* rows) {
  uint64_t mask = 0x00000000ffffffffull;
  for (int size = 32; size; size >>= 1, mask ^= mask << size) {
    for (int row = 0; row < 64; row = ((row | size) + 1) & ~size) {
      uint64_t moved = ((rows[row] >> size) ^ rows[row | size]) & mask;
      rows[row] ^= moved << size;
      rows[row | size] ^= moved;
    }
  }
}

void sample(Gate* g, uint64_t* words) {
#define KEEP(N, NAME) words[N] = g->top->NAME;
  EACH_WORD(KEEP)
}

}  // namespace

extern "C" {

void* sf_new() {
  auto* g = new Gate;
  g->context = std::make_unique<VerilatedContext>();
  g->context->threads(1);
  g->top = std::make_unique<Vmodel>(g->context.get(), "gate");
  g->top->events___05Fvalid = 0;
  g->top->result___05Fready = 1;
  g->top->load___05Fvalid = 0;
  g->top->rst = 1;
  for (int n = 0; n < 4; n++) tick(g);
  g->top->rst = 0;
  for (int n = 0; n < 4; n++) tick(g);
  return g;
}

void sf_free(void* handle) {
  auto* g = static_cast<Gate*>(handle);
  g->top->final();
  delete g;
}

// Sends content; returns whether the netlist says "loaded" within some cycles.
int sf_load(void* handle, const uint8_t* bytes, int64_t count, int64_t patience) {
  auto* g = static_cast<Gate*>(handle);
  for (int64_t n = 0; n < count; n++) {
    g->top->load___05Fvalid = 1;
    g->top->load___05Fpayload = (static_cast<uint32_t>(bytes[n]) << LOAD_DATA) | (n == 0);
    tick(g);
  }
  g->top->load___05Fvalid = 0;
  for (int64_t n = 0; n < patience; n++) tick(g);
  return g->top->loaded;
}

void sf_start(void* handle, const uint64_t* items, const int64_t* offsets, int64_t images,
              int64_t* classes, int64_t* first, int64_t* result) {
  auto* g = static_cast<Gate*>(handle);
  g->items = items;
  g->offsets = offsets;
  g->images = images;
  g->position = g->sent = g->done = 0;
  g->classes = classes;
  g->first = first;
  g->result = result;
  g->cycle = 0;
}

// Runs until so many images are done, or so many cycles are kept (a multiple of 64, at `rows`, a
// row of kept / 64 words for each net; null: nothing is kept). Returns the cycles that were run.
int64_t sf_run(void* handle, int64_t until, int64_t cycles, uint64_t* rows) {
  auto* g = static_cast<Gate*>(handle);
  Vmodel& top = *g->top;
  const int64_t row_words = cycles / 64;
  std::vector<uint64_t> block(rows ? 64 * WORDS : 0);
  int64_t ran = 0;
  auto flush = [&](int64_t column) {
    uint64_t square[64];
    for (int word = 0; word < WORDS; word++) {
      for (int n = 0; n < 64; n++) square[n] = block[n * WORDS + word];
      transpose(square);
      for (int n = 0; n < 64; n++) rows[(int64_t{word} * 64 + n) * row_words + column] = square[n];
    }
    std::memset(block.data(), 0, block.size() * sizeof(uint64_t));
  };
  for (; ran < cycles && g->done < until; ran++) {
    top.clk = 0;
    top.events___05Fvalid = g->sent < g->images;
    if (g->sent < g->images) top.events___05Fpayload = g->items[g->offsets[g->sent] + g->position];
    top.eval();
    if (rows) {
      sample(g, &block[(ran % 64) * WORDS]);
      if (ran % 64 == 63) flush(ran / 64);
    }
    if (top.events___05Fvalid && top.events___05Fready) {
      if (g->position == 0) g->first[g->sent] = g->cycle;
      g->position++;
      if (g->offsets[g->sent] + g->position == g->offsets[g->sent + 1]) {
        g->position = 0;
        g->sent++;
      }
    }
    if (top.result___05Fvalid && (top.result___05Fpayload & 1) && g->done < g->images) {
      g->classes[g->done] = (top.result___05Fpayload >> INDEX_SHIFT) & INDEX_MASK;
      g->result[g->done] = g->cycle;
      g->done++;
    }
    top.clk = 1;
    top.eval();
    g->cycle++;
  }
  if (rows && ran % 64) flush(ran / 64);
  return ran;
}

int64_t sf_done(void* handle) { return static_cast<Gate*>(handle)->done; }

}  // extern "C"
