"""The edge: connections, lines, TLS and the DNS."""
