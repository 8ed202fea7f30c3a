"""Where mail goes: routes, and the targets that they lead to."""
