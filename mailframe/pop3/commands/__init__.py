"""POP3 commands: one a module."""
