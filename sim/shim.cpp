// C interface of a Verilated accelerator: single steps by port, and whole batches of images.
#include <cstdint>
#include <memory>

#include "Vmodel.h"
#include "verilated.h"
#ifdef HAS_COVERAGE
#include "verilated_cov.h"
#endif

// @CONSTANTS@

namespace {

struct Model {
  std::unique_ptr<VerilatedContext> context;
  std::unique_ptr<Vmodel> top;
  uint64_t cycle = 0;

  // The running batch; all arrays belong to the caller.
  const uint64_t* items = nullptr;  // payloads, as the port takes them, marks included
  const int64_t* offsets = nullptr;
  int64_t images = 0, sent = 0, done = 0, position = 0;
  bool single = false;  // offer an image only when the one before is through
  uint64_t quiet = 0;   // cycles without any work after which nothing of an image is left
  uint64_t rested = 0;  // cycle in which these are over
  int64_t* classes = nullptr;
  int64_t* membranes = nullptr;
  int64_t* scores = nullptr;  // what each class was sent with
  int64_t* first = nullptr;
  int64_t* result = nullptr;
  uint64_t* counts = nullptr;
  uint64_t origin = 0;
  int64_t strays = 0;  // results that nobody asked for

  // Stalls and recordings, for the careful run only.
  bool careful = false;
  uint64_t random = 0;  // state of the generator; 0: nothing stalls
  uint32_t offer_256 = 256, take_256 = 256, pass_256 = 256;  // chances in 256
  bool offered = false, taking = true, wanted = true;
  uint64_t* records[STREAMS ? STREAMS : 1] = {};
  int64_t capacity = 0;
  int64_t* recorded = nullptr;

  // What a host does and sees, in place of chance.
  const int64_t* offers = nullptr;  // earliest cycle of every item, and one more
  const uint8_t* readies = nullptr;
  int64_t ready_cycles = 0;
  int64_t* accepted = nullptr;
  int64_t* beats = nullptr;
  int64_t beat = 0, most_beats = 0;
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

// Present the next item, if there is one to present now.
void present(Model* m, bool willing) {
  Vmodel& top = *m->top;
  bool resting = m->single && m->position == 0 && (m->done < m->sent || m->cycle < m->rested);
  top.events__valid = m->sent < m->images && !resting && willing;
  if (top.events__valid) top.events__payload = m->items[m->offsets[m->sent] + m->position];
}

void rest(Model* m) { m->rested = m->cycle + 1 + m->quiet; }

// All images are answered, and nothing of the last one is left.
bool through(const Model* m) {
  return m->done == m->images && m->sent == m->images && m->cycle >= m->rested;
}

// Ready and the result hang on registers alone, so they are settled before the inputs are.
void take_input(Model* m) {
  Vmodel& top = *m->top;
  if (!(top.events__valid && top.events__ready)) return;
  if (m->position == 0) m->first[m->sent] = m->cycle - m->origin;
  m->position++;
  if (m->offsets[m->sent] + m->position == m->offsets[m->sent + 1]) {
    m->position = 0;
    m->sent++;
    rest(m);
  }
}

void take_result(Model* m) {
  Vmodel& top = *m->top;
  if (!top.result__valid) return;
  uint64_t beat = top.result__payload;
  int64_t index = field(beat, INDEX_SHIFT, INDEX_BITS);
  int64_t membrane = sign_extend(field(beat, MEMBRANE_SHIFT, MEMBRANE_BITS), MEMBRANE_BITS);
  if (m->done >= m->images || index >= OUTPUTS) {  // a faulty RTL; nothing has room for it
    m->strays++;
    return;
  }
  if (beat & 1) {
    if (m->scores) m->scores[m->done] = membrane;
    m->classes[m->done] = index;
    m->result[m->done] = m->cycle - m->origin;
    m->done++;
    rest(m);
  } else {
    m->membranes[m->done * OUTPUTS + index] = membrane;
  }
}

void count(Model* m, Tally& tally) {
  Vmodel& top = *m->top;
#define COUNT(N, NAME) tally.bytes[N] += spread(top.NAME);
  EACH_PROBE(COUNT)
  if (m->quiet) {
    uint64_t work = 0;
#define WORK(N, NAME) work |= top.NAME;
    EACH_PROBE(WORK)
    if (work) rest(m);
  }
  if (++tally.cycles == TALLY_CYCLES) empty(tally, m->counts);
}

// True with a chance of so many in 256 (xorshift64*); always, where nothing stalls.
bool chance(Model* m, uint32_t of_256) {
  if (!m->random) return true;
  m->random ^= m->random >> 12;
  m->random ^= m->random << 25;
  m->random ^= m->random >> 27;
  return (m->random * 0x2545F4914F6CDD1Du >> 56) < of_256;
}

int64_t item_number(const Model* m) { return m->offsets[m->sent] + m->position; }

bool offers_now(Model* m) {
  if (!m->offers) return chance(m, m->offer_256);
  return static_cast<int64_t>(m->cycle - m->origin) >= m->offers[item_number(m)];
}

// The shell passes ready on a cycle later: what is wanted now counts in the next cycle.
bool takes_next(Model* m) {
  if (!m->readies) return chance(m, m->take_256);
  int64_t next = m->cycle + 1 - m->origin;
  return next >= m->ready_cycles || m->readies[next];
}

// Keep the cycles of what moves over the outer streams.
void note(Model* m) {
  Vmodel& top = *m->top;
  int64_t now = m->cycle - m->origin;
  if (top.events__valid && top.events__ready) m->accepted[item_number(m)] = now;
  if (m->taking && top.result__valid && m->beat < m->most_beats) m->beats[m->beat++] = now;
}

// Keep what moves over the streams between the layers in this cycle.
void record(Model* m) {
  Vmodel& top = *m->top;
#define RECORD(N, NAME, MOVES)                                            \
  if ((top.NAME & MOVES) == MOVES && m->recorded[N] < m->capacity)        \
    m->records[N][m->recorded[N]++] = top.NAME;
  EACH_TAP(RECORD)
}

// One cycle with stalls and recordings; everything is settled before anything is looked at.
void careful_cycle(Model* m) {
  Vmodel& top = *m->top;
  m->offered = m->offered || offers_now(m);
  present(m, m->offered);
#if HAS_STALLS
  uint64_t held = 0;
  for (int n = 0; n < LINKS; n++) held |= uint64_t{!chance(m, m->pass_256)} << n;
  top.stalls = held;
#endif
  m->taking = m->wanted;
  m->wanted = takes_next(m);
  top.result__ready = m->wanted;
  top.eval();
  if (m->recorded) record(m);
  if (m->accepted) note(m);
  if (top.events__valid && top.events__ready) m->offered = false;
  take_input(m);
  if (m->taking) take_result(m);
  step(m);
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
  // Memories of sums are cleared row by row before the accelerator says so.
  for (int n = 0; n < SUM_ROWS; n++) sf_tick(m);
  for (int n = 0; n < 8; n++) sf_tick(m);
  return m->top->loaded;
}

// Begin a batch on an idle accelerator; sf_run then carries it on.
void sf_start(void* handle, const uint64_t* items, const int64_t* offsets, int64_t images,
              int single, int64_t quiet, int64_t* classes, int64_t* membranes, int64_t* first,
              int64_t* result, uint64_t* counts) {
  auto* m = static_cast<Model*>(handle);
  m->items = items;
  m->offsets = offsets;
  m->images = images;
  m->single = single;
  m->quiet = quiet;
  m->rested = 0;
  m->sent = m->done = m->position = 0;
  m->strays = 0;
  m->classes = classes;
  m->membranes = membranes;
  m->scores = nullptr;
  m->first = first;
  m->result = result;
  m->counts = counts;
  m->careful = false;
  m->random = 0;
  m->recorded = nullptr;
  m->offers = nullptr;
  m->readies = nullptr;
  m->accepted = nullptr;
  m->offered = false;
  m->taking = m->wanted = true;
  m->top->events__valid = 0;
  m->top->result__ready = 1;
#if HAS_STALLS
  m->top->stalls = 0;
#endif
  sf_tick(m);  // the shell passes ready on a cycle later
  m->origin = m->cycle;
}

// After sf_start: keep what each class is sent with.
void sf_scores(void* handle, int64_t* scores) { static_cast<Model*>(handle)->scores = scores; }

// After sf_start: stall streams at random (seed 0: not at all), record what the taps show.
void sf_careful(void* handle, uint64_t seed, int offer_256, int take_256, int pass_256,
                uint64_t* records, int64_t capacity, int64_t* recorded) {
  auto* m = static_cast<Model*>(handle);
  m->careful = true;
  m->random = seed;
  m->offer_256 = offer_256;
  m->take_256 = take_256;
  m->pass_256 = pass_256;
  for (int n = 0; n < STREAMS; n++) m->records[n] = records + n * capacity;
  m->capacity = capacity;
  m->recorded = recorded;
}

// After sf_careful: follow a host's trace, and keep the cycles of all handshakes.
void sf_host(void* handle, const int64_t* offers, const uint8_t* readies, int64_t ready_cycles,
             int64_t* accepted, int64_t* beats, int64_t most_beats) {
  auto* m = static_cast<Model*>(handle);
  m->offers = offers;
  m->readies = readies;
  m->ready_cycles = ready_cycles;
  m->accepted = accepted;
  m->beats = beats;
  m->beat = 0;
  m->most_beats = most_beats;
}

// Run for up to a number of cycles; returns how many images are done.
int64_t sf_run(void* handle, int64_t cycles) {
  auto* m = static_cast<Model*>(handle);
  Tally tally;
  for (int64_t n = 0; n < cycles && !through(m); n++) {
    if (m->careful) {
      careful_cycle(m);
    } else {
      present(m, true);
      if (SETTLE) m->top->eval();
      take_input(m);
      take_result(m);
      step(m);
    }
    count(m, tally);
  }
  empty(tally, m->counts);
  return m->done;
}

// Whether the batch is over, the rest of its last image included.
int sf_through(void* handle) { return through(static_cast<Model*>(handle)); }

int64_t sf_strays(void* handle) { return static_cast<Model*>(handle)->strays; }

uint64_t sf_cycle(void* handle) { return static_cast<Model*>(handle)->cycle; }

#ifdef HAS_COVERAGE
void sf_coverage(void* handle, const char* file) {
  static_cast<Model*>(handle)->context->coveragep()->write(file);
}
#endif

}  // extern "C"
