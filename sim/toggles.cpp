// Runs an accelerator, counting what toggles (SAIF): at work on images, or idle.
// Arguments: SAIF file, "busy" or "idle", content file, events file (payloads), number of images,
// cycles to stay idle. Prints the cycles that were counted.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <vector>

#include "Vmodel.h"
#include "verilated.h"
#include "verilated_saif_c.h"

// @CONSTANTS@

namespace {

VerilatedContext context;
VerilatedSaifC* saif = nullptr;

void tick(Vmodel& top) {
  top.clk = 0;
  top.eval();
  if (saif) saif->dump(context.time());
  context.timeInc(1);
  top.clk = 1;
  top.eval();
  if (saif) saif->dump(context.time());
  context.timeInc(1);
}

std::vector<char> read(const char* name) {
  std::ifstream file(name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Inputs change while the clock is low, as they would behind registers of the same clock.
void set_event(Vmodel& top, const uint32_t* at, const uint32_t* end) {
  top.clk = 0;
  top.events___05Fvalid = at != end;
  if (at != end) top.events___05Fpayload = *at;
  top.eval();
}

}  // namespace

int main(int, char** arguments) {
  context.traceEverOn(true);
  Vmodel top{&context, "top"};
  VerilatedSaifC trace;
  top.trace(&trace, 99);
  top.result___05Fready = 1;
  top.rst = 1;
  for (int n = 0; n < 3; n++) tick(top);
  top.rst = 0;
  bool first = true;
  for (char byte : read(arguments[3])) {
    top.load___05Fvalid = 1;
    top.load___05Fpayload = static_cast<uint32_t>(static_cast<uint8_t>(byte)) << LOAD_DATA | first;
    first = false;
    tick(top);
  }
  top.load___05Fvalid = 0;
  for (int n = 0; n < 100; n++) tick(top);
  if (!top.loaded) return 1;

  saif = &trace;
  trace.open(arguments[1]);
  trace.dump(context.time());
  context.timeInc(1);
  uint64_t cycles = 0;
  if (!std::strcmp(arguments[2], "idle")) {
    uint64_t wanted = std::strtoull(arguments[6], nullptr, 10);
    for (; cycles < wanted; cycles++) tick(top);
  } else {
    std::vector<char> bytes = read(arguments[4]);
    auto* at = reinterpret_cast<const uint32_t*>(bytes.data());
    auto* end = at + bytes.size() / 4;
    long left = std::strtol(arguments[5], nullptr, 10);
    for (; left && cycles < 1000000000; cycles++) {
      set_event(top, at, end);
      if (at != end && top.events___05Fready) at++;
      if (top.result___05Fvalid && (top.result___05Fpayload & 1)) left--;
      tick(top);
    }
    if (left) return 2;
  }
  trace.close();
  std::printf("%llu\n", static_cast<unsigned long long>(cycles));
  return 0;
}
