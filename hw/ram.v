// One RAM with a synchronous read port and a masked write port.
// The read port keeps its last word while re is low. Reading a word in the cycle
// in which it is written gives the old word. INIT names a hex file, or is empty.
module spikeforge_ram #(
    parameter WIDTH = 8,
    parameter DEPTH = 1,
    parameter ADDRESS = 1,
    parameter GRAIN = 8,
    parameter INIT = ""
) (
    input  wire                   clk,
    input  wire                   re,
    input  wire [ADDRESS-1:0]     ra,
    output reg  [WIDTH-1:0]       rd,
    input  wire [WIDTH/GRAIN-1:0] we,
    input  wire [ADDRESS-1:0]     wa,
    input  wire [WIDTH-1:0]       wd
);
  reg [WIDTH-1:0] mem [0:DEPTH-1];

  initial if (INIT != "") $readmemh(INIT, mem);

  always @(posedge clk) if (re) rd <= mem[ra];

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
