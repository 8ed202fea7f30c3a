"""Messages taken apart: pure functions of octets."""
