"""Where mail goes: one target a module."""
