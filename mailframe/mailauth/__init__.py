"""Proof of where mail comes from and where it goes: policies of domains, in the DNS and beside it."""
