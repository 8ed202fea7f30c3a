"""SASL mechanisms (RFC 4422): one a module, pure challenge and response."""
