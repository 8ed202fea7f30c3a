"""mailframe: a mail server that is a Python library."""
