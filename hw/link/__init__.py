"""The link between a board and its host: UART, frames with a CRC, commands, and the gateware."""
