`ifndef SYNTHESIS
// Simulation model of the iCE40UP5K's 16k x 16 single-port RAM, as far as it is used here:
// always powered. What was never written, and the output after a write, are arbitrary words.
module SB_SPRAM256KA (
    input  wire [13:0] ADDRESS,
    input  wire [15:0] DATAIN,
    input  wire [3:0]  MASKWREN,
    input  wire        WREN,
    input  wire        CHIPSELECT,
    input  wire        CLOCK,
    input  wire        STANDBY,
    input  wire        SLEEP,
    input  wire        POWEROFF,
    output wire [15:0] DATAOUT
);
  spikeforge_spram_model model (
      .clk(CLOCK),
      .enable(CHIPSELECT & ~STANDBY & ~SLEEP & POWEROFF),
      .write(WREN),
      .address(ADDRESS),
      .data(DATAIN),
      .mask({{4{MASKWREN[3]}}, {4{MASKWREN[2]}}, {4{MASKWREN[1]}}, {4{MASKWREN[0]}}}),
      .out(DATAOUT)
  );
endmodule

module spikeforge_spram_model (
    input  wire        clk,
    input  wire        enable,
    input  wire        write,
    input  wire [13:0] address,
    input  wire [15:0] data,
    input  wire [15:0] mask,
    output reg  [15:0] out
);
  reg [15:0] mem [0:16383];
  integer word;
  initial for (word = 0; word < 16384; word = word + 1) mem[word] = 16'h71e9 ^ 16'(word * 40503);

  always @(posedge clk)
    if (enable && write) begin
      mem[address] <= (mem[address] & ~mask) | (data & mask);
      out <= ~data;
    end else if (enable) out <= mem[address];
endmodule
`endif
