// One RAM with a synchronous read port and a masked write port.
// The read port keeps its last word while re is low. Reading a word in the cycle
// in which it is written gives the old word. INIT names a hex file, or is empty: then
// simulators start with arbitrary words, so that a read before the write shows.
// PORTS = 1 promises that reads and writes never fall into one cycle, and that rd need not outlive a
// write: no logic for the old word, and a single word is its own read register. APART = 1 promises
// it of one word only: other words may be written while one is read. A broken promise gives a
// wrong word, so that tests see it; nothing holds a read back for it, as that path is a long one.
module spikeforge_ram #(
    parameter WIDTH = 8,
    parameter DEPTH = 1,
    parameter ADDRESS = 1,
    parameter GRAIN = 8,
    parameter PORTS = 2,
    parameter APART = 0,
    parameter INIT = ""
) (
    input  wire                   clk,
    input  wire                   re,
    input  wire [ADDRESS-1:0]     ra,
    output wire [WIDTH-1:0]       rd,
    input  wire [WIDTH/GRAIN-1:0] we,
    input  wire [ADDRESS-1:0]     wa,
    input  wire [WIDTH-1:0]       wd
);
  reg [WIDTH-1:0] mem [0:DEPTH-1];

`ifdef VERILATOR
  integer row;
  initial
    if (INIT != "") $readmemh(INIT, mem);
    else
      for (row = 0; row < DEPTH; row = row + 1)
        mem[row] = WIDTH'({(WIDTH + 31) / 32{32'h5a3c_71e9 ^ (row * 32'h9e37_79b1)}});
`else
  initial if (INIT != "") $readmemh(INIT, mem);
`endif

  reg [WIDTH-1:0] last;
  assign rd = (PORTS == 1 && DEPTH == 1) ? mem[0] : last;

  wire broken = |we && (PORTS == 1 || (APART == 1 && ra == wa));
  always @(posedge clk)
    if (re) begin
      last <= mem[ra];
`ifdef VERILATOR
      if (broken) last <= ~mem[ra];
`else
      if (broken) last <= {WIDTH{1'bx}};
`endif
    end

  integer lane;
`ifdef VERILATOR
  // The same write as below, in one statement: many partial ones cost the simulator dear.
  reg [WIDTH-1:0] word;
  always @(posedge clk)
    if (|we) begin
      word = mem[wa];
      for (lane = 0; lane < WIDTH / GRAIN; lane = lane + 1)
        if (we[lane]) word[lane*GRAIN +: GRAIN] = wd[lane*GRAIN +: GRAIN];
      mem[wa] <= word;
    end
`else
  always @(posedge clk)
    for (lane = 0; lane < WIDTH / GRAIN; lane = lane + 1)
      if (we[lane]) mem[wa][lane*GRAIN +: GRAIN] <= wd[lane*GRAIN +: GRAIN];
`endif
endmodule
