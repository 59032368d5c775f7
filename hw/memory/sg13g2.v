// Simulation models of the SG13G2 SRAM macros: a read gives the word a cycle later, a write with
// read enable gives the written word too, and the output is kept otherwise. What was never
// written is arbitrary, and so is what two ports get from one word when one of them writes it.
// The test port (BIST) and the delay setting are not modelled.
module spikeforge_macro_1p #(
    parameter WIDTH = 8,
    parameter ADDRESS = 1
) (
    input  wire               clk,
    input  wire               men,
    input  wire               ren,
    input  wire               wen,
    input  wire [ADDRESS-1:0] addr,
    input  wire [WIDTH-1:0]   din,
    input  wire [WIDTH-1:0]   bm,
    output reg  [WIDTH-1:0]   dout
);
  reg [WIDTH-1:0] mem [0:(1<<ADDRESS)-1];
  wire [WIDTH-1:0] next = (mem[addr] & ~bm) | (din & bm);
  integer word;
  initial
    for (word = 0; word < (1 << ADDRESS); word = word + 1)
      mem[word] = WIDTH'({2{32'h5a3c_71e9 ^ (word * 32'h9e37_79b1)}});

  always @(posedge clk)
    if (men) begin
      if (wen) mem[addr] <= next;
      if (ren) dout <= wen ? next : mem[addr];
    end
endmodule

module spikeforge_macro_2p #(
    parameter WIDTH = 8,
    parameter ADDRESS = 1
) (
    input  wire               a_clk,
    input  wire               a_men,
    input  wire               a_ren,
    input  wire               a_wen,
    input  wire [ADDRESS-1:0] a_addr,
    input  wire [WIDTH-1:0]   a_din,
    input  wire [WIDTH-1:0]   a_bm,
    output reg  [WIDTH-1:0]   a_dout,
    input  wire               b_clk,
    input  wire               b_men,
    input  wire               b_ren,
    input  wire               b_wen,
    input  wire [ADDRESS-1:0] b_addr,
    input  wire [WIDTH-1:0]   b_din,
    input  wire [WIDTH-1:0]   b_bm,
    output reg  [WIDTH-1:0]   b_dout
);
  // Both ports share one clock here, as they do in every memory of the generator.
  wire clk = a_clk;
  reg [WIDTH-1:0] mem [0:(1<<ADDRESS)-1];
  wire [WIDTH-1:0] a_next = (mem[a_addr] & ~a_bm) | (a_din & a_bm);
  wire [WIDTH-1:0] b_next = (mem[b_addr] & ~b_bm) | (b_din & b_bm);
  wire a_write = a_men && a_wen, b_write = b_men && b_wen;
  wire clash = a_men && b_men && a_addr == b_addr && (a_wen || b_wen);
  integer word;
  initial
    for (word = 0; word < (1 << ADDRESS); word = word + 1)
      mem[word] = WIDTH'({2{32'h5a3c_71e9 ^ (word * 32'h9e37_79b1)}});

  always @(posedge clk) begin
    if (a_write) mem[a_addr] <= a_next;
    if (b_write) mem[b_addr] <= b_next;
    if (a_men && a_ren)
      a_dout <= clash ? ~mem[a_addr] ^ a_next : a_wen ? a_next : mem[a_addr];
    if (b_men && b_ren)
      b_dout <= clash ? ~mem[b_addr] ^ a_next : b_wen ? b_next : mem[b_addr];
  end
endmodule
