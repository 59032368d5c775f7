// C interface of a Verilated accelerator: single steps by port, and whole batches of images.
#include <cstdint>
#include <memory>

#include "Vmodel.h"
#include "verilated.h"

// @CONSTANTS@

namespace {

struct Model {
  std::unique_ptr<VerilatedContext> context;
  std::unique_ptr<Vmodel> top;
  uint64_t cycle = 0;

  // The running batch; all arrays belong to the caller.
  const uint32_t* events = nullptr;  // payloads, as the port takes them
  const int64_t* offsets = nullptr;
  int64_t images = 0, sent = 0, done = 0, position = 0;
  bool single = false;
  int64_t* classes = nullptr;
  int64_t* membranes = nullptr;
  int64_t* first = nullptr;
  int64_t* result = nullptr;
  uint64_t* counts = nullptr;
  uint64_t origin = 0;
};

int64_t sign_extend(uint64_t value, int bits) {
  return static_cast<int64_t>(value << (64 - bits)) >> (64 - bits);
}

uint64_t field(uint64_t value, int shift, int bits) {
  return (value >> shift) & ((uint64_t{1} << bits) - 1);
}

// One clock cycle: in the batch copy of the RTL every edge counts (sim/wrapper.py).
void step(Model* m) {
  m->top->clk = !m->top->clk;
  m->top->eval();
  m->cycle++;
}

// Probe bits are counted eight at a time, one in each byte of a word, which is emptied before a
// byte can overflow.
struct Tally {
  uint64_t bytes[LAYERS] = {};
  int cycles = 0;
};

constexpr int TALLY_CYCLES = 255;
static_assert(FIELDS <= 8, "a tally word has eight bytes");

uint64_t spread(uint64_t probe) {
  uint64_t low = (probe & 0x0f) * 0x00204081u & 0x01010101u;
  uint64_t high = (probe >> 4) * 0x00204081u & 0x01010101u;
  return low | high << 32;
}

void empty(Tally& tally, uint64_t* counts) {
  for (int layer = 0; layer < LAYERS; layer++) {
    for (int n = 0; n < FIELDS; n++) {
      counts[layer * FIELDS + n] += tally.bytes[layer] >> (8 * n) & 0xff;
    }
    tally.bytes[layer] = 0;
  }
  tally.cycles = 0;
}

// Present the next event or mark, if there is one to present now.
void present(Model* m) {
  Vmodel& top = *m->top;
  bool waiting = m->single && m->position == 0 && m->done < m->sent;
  top.events__valid = m->sent < m->images && !waiting;
  if (!top.events__valid) return;
  int64_t begin = m->offsets[m->sent], end = m->offsets[m->sent + 1];
  top.events__payload = begin + m->position < end ? m->events[begin + m->position] : 1;
}

// Ready and the result hang on registers alone, so they are settled before the inputs are.
void take_input(Model* m) {
  Vmodel& top = *m->top;
  if (!(top.events__valid && top.events__ready)) return;
  if (m->position == 0) m->first[m->sent] = m->cycle - m->origin;
  if (top.events__payload & 1) {
    m->position = 0;
    m->sent++;
  } else {
    m->position++;
  }
}

void take_result(Model* m) {
  Vmodel& top = *m->top;
  if (!top.result__valid) return;  // always taken
  uint64_t beat = top.result__payload;
  int64_t index = field(beat, INDEX_SHIFT, INDEX_BITS);
  if (beat & 1) {
    m->classes[m->done] = index;
    m->result[m->done] = m->cycle - m->origin;
    m->done++;
  } else {
    m->membranes[m->done * OUTPUTS + index] =
        sign_extend(field(beat, MEMBRANE_SHIFT, MEMBRANE_BITS), MEMBRANE_BITS);
  }
}

}  // namespace

extern "C" {

void* sf_new() {
  auto* m = new Model;
  m->context = std::make_unique<VerilatedContext>();
  m->context->threads(1);
  m->top = std::make_unique<Vmodel>(m->context.get(), "shell");
  return m;
}

void sf_free(void* handle) {
  auto* m = static_cast<Model*>(handle);
  m->top->final();
  delete m;
}

void sf_set(void* handle, int port, uint64_t value) {
  Vmodel& top = *static_cast<Model*>(handle)->top;
  switch (port) {
#define SET(N, NAME) \
  case N:            \
    top.NAME = value; \
    break;
    EACH_PORT(SET)
  }
}

uint64_t sf_get(void* handle, int port) {
  Vmodel& top = *static_cast<Model*>(handle)->top;
  switch (port) {
#define GET(N, NAME) \
  case N:            \
    return top.NAME;
    EACH_PORT(GET)
  }
  return 0;
}

void sf_eval(void* handle) { static_cast<Model*>(handle)->top->eval(); }

void sf_tick(void* handle) { step(static_cast<Model*>(handle)); }

// Send content bytes; returns whether the accelerator then says "loaded".
int sf_load(void* handle, const uint8_t* bytes, int64_t count) {
  auto* m = static_cast<Model*>(handle);
#if HAS_LOAD
  for (int64_t n = 0; n < count; n++) {
    m->top->load__valid = 1;
    m->top->load__payload = (static_cast<uint32_t>(bytes[n]) << LOAD_DATA) | (n == 0);
    step(m);
  }
  m->top->load__valid = 0;
#endif
  for (int n = 0; n < 8; n++) sf_tick(m);
  return m->top->loaded;
}

// Begin a batch on an idle accelerator; sf_run then carries it on.
void sf_start(void* handle, const uint32_t* events, const int64_t* offsets, int64_t images,
              int single, int64_t* classes, int64_t* membranes, int64_t* first, int64_t* result,
              uint64_t* counts) {
  auto* m = static_cast<Model*>(handle);
  m->events = events;
  m->offsets = offsets;
  m->images = images;
  m->single = single;
  m->sent = m->done = m->position = 0;
  m->classes = classes;
  m->membranes = membranes;
  m->first = first;
  m->result = result;
  m->counts = counts;
  m->top->events__valid = 0;
  m->top->result__ready = 1;
  sf_tick(m);  // the shell passes ready on a cycle later
  m->origin = m->cycle;
}

// Run for up to a number of cycles; returns how many images are done.
int64_t sf_run(void* handle, int64_t cycles) {
  auto* m = static_cast<Model*>(handle);
  Vmodel& top = *m->top;
  Tally tally;
  for (int64_t n = 0; n < cycles && m->done < m->images; n++) {
    present(m);
    take_input(m);
    take_result(m);
    step(m);
#define COUNT(N, NAME) tally.bytes[N] += spread(top.NAME);
    EACH_PROBE(COUNT)
    if (++tally.cycles == TALLY_CYCLES) empty(tally, m->counts);
  }
  empty(tally, m->counts);
  return m->done;
}

uint64_t sf_cycle(void* handle) { return static_cast<Model*>(handle)->cycle; }

}  // extern "C"
