"""POP3 extensions: one a module."""
