"""The command C{mailframe}."""
