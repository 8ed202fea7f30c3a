"""The C{mailframe} command: accounts, aliases, a first configuration."""
