// The gateware with what is around it on a board: a serial line and a SPI flash memory.
// One call of cycle() is one clock cycle: in the generated Verilog both edges of clk count; in a
// netlist, whose cells are given, only the rising one does, and its oscillator may be divided.
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <vector>

#include "Vmodel.h"
#include "verilated.h"

// @CONSTANTS@

namespace {

// Sends bytes from a queue: start bit, eight data bits, stop bit.
struct Sender {
  std::deque<uint8_t> queue;
  int bit = 0, left = 0;
  uint16_t word = 1;
  bool idle() const { return bit == 0 && queue.empty(); }
  int cycle() {
    if (left == 0) {
      if (bit > 1) {
        word >>= 1, --bit, left = BIT_CYCLES;
      } else if (!queue.empty()) {
        word = uint16_t(0x200 | (queue.front() << 1)), bit = 10, left = BIT_CYCLES;
        queue.pop_front();
      } else {
        bit = 0, word = 1;
        return 1;
      }
    }
    --left;
    return word & 1;
  }
};

// Samples the line in the middle of every bit.
struct Receiver {
  std::vector<uint8_t> bytes;
  int left = -1, bit = 0;
  unsigned word = 0;
  bool idle() const { return left < 0; }
  void cycle(int line) {
    if (left < 0) {
      if (!line) left = BIT_CYCLES / 2, bit = 0;
      return;
    }
    if (left-- > 0) return;
    if (bit >= 1 && bit <= 8) word = (word >> 1) | (line ? 0x80 : 0);
    if (bit == 9) {
      if (line) bytes.push_back(uint8_t(word));
      left = -1;
      return;
    }
    ++bit;
    left = BIT_CYCLES - 1;
  }
};

// Answers the command "read" (03); all else only passes the time. Bits move at clk's edges, mode 0.
struct Flash {
  std::vector<uint8_t> bytes;
  int bits = 0, before = 0;
  uint64_t in = 0;
  int out = 0;
  int cycle(int cs, int clk, int copi) {
    if (!cs) bits = 0, in = 0, before = 0;
    if (cs && clk && !before) in = (in << 1) | unsigned(copi), ++bits;
    if (cs && !clk && before && bits >= 32) {
      uint32_t command = uint32_t(in >> (bits - 32));
      if (bits == 32) start = command;
      uint32_t at = (start & 0xffffff) + uint32_t(bits - 32) / 8;
      uint8_t byte = (start >> 24) == 3 && at < bytes.size() ? bytes[at] : 0xff;
      out = (byte >> (7 - (bits - 32) % 8)) & 1;
    }
    before = clk;
    return out;
  }
  uint32_t start = 0;
};

struct Board {
  std::unique_ptr<VerilatedContext> context{new VerilatedContext};
  std::unique_ptr<Vmodel> top{new Vmodel(context.get())};
  Sender sender;
  Receiver receiver;
  Flash flash;
  uint64_t cycles = 0;
  void cycle() {
    top->rx = sender.cycle();
#if HAS_FLASH
    top->flash_cipo = flash.cycle(top->flash_cs, top->flash_clk, top->flash_copi);
#endif
#if BOTH_EDGES
    top->clk = !top->clk;
    top->eval();
#else
    for (int n = 0; n < OSCILLATOR_CYCLES; ++n) {
      top->clk = 1;
      top->eval();
      top->clk = 0;
      top->eval();
    }
#endif
    receiver.cycle(top->tx);
    ++cycles;
  }
};

}  // namespace

extern "C" {

Board* bd_new() {
  Board* board = new Board;
  board->top->rx = 1;
  board->top->clk = 0;
  board->top->rst = 1;
  board->top->eval();
  for (int n = 0; n < 4; ++n) board->cycle();
  board->top->rst = 0;
  board->receiver = Receiver();
  return board;
}
void bd_free(Board* board) { delete board; }
void bd_flash(Board* board, const uint8_t* data, int64_t length) {
  board->flash.bytes.assign(data, data + length);
}
void bd_send(Board* board, const uint8_t* data, int64_t length) {
  board->sender.queue.insert(board->sender.queue.end(), data, data + length);
}
void bd_unplug(Board* board) { board->sender = Sender(); }
// Runs some cycles, less if nothing moves any more and no flash memory is being read.
int64_t bd_run(Board* board, int64_t cycles) {
  int64_t done = 0, quiet = 0;
  while (done < cycles && quiet < 4 * BIT_CYCLES) {
    board->cycle();
    ++done;
    bool moving = !board->sender.idle() || !board->receiver.idle() || board->top->busy;
#if HAS_FLASH
    moving = moving || board->top->flash_cs;
#endif
    quiet = moving ? 0 : quiet + 1;
  }
  return done;
}
int64_t bd_take(Board* board, uint8_t* data, int64_t room) {
  int64_t count = int64_t(board->receiver.bytes.size());
  if (count > room) count = room;
  std::memcpy(data, board->receiver.bytes.data(), size_t(count));
  board->receiver.bytes.erase(board->receiver.bytes.begin(), board->receiver.bytes.begin() + count);
  return count;
}
int bd_idle(Board* board) {
  return board->sender.idle() && board->receiver.idle() && !board->top->busy;
}
int bd_loaded(Board* board) { return board->top->loaded; }
uint64_t bd_cycles(Board* board) { return board->cycles; }
}
