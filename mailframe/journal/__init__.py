"""The journal: what happened to each message, for C{mailframe trace}; its events, its implementations, its timeline."""
