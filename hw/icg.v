// An integrated clock-gating cell: passes those high phases of clk before which enable was high.
// For SG13G2, synthesis takes the library's cell; another technology brings a module of this name.
module spikeforge_icg (
    input  wire clk,
    input  wire enable,
    output wire gated
);
`ifdef SPIKEFORGE_BOTH_EDGES
  // Where both edges of the clock count, an edge of clk is an edge of gated if enable is high.
  reg last_clk = 0, last_gated = 0;
  always @(posedge clk) begin
    last_clk   <= clk;
    last_gated <= gated;
  end
  assign gated = last_gated ^ ((clk ^ last_clk) & enable);
`elsif SPIKEFORGE_SG13G2_CELLS
  sg13g2_lgcp_1 cell_0 (.CLK(clk), .GATE(enable), .GCLK(gated));
`else
  reg held;
  always @* if (!clk) held = enable;
  assign gated = clk & held;
`endif
endmodule
