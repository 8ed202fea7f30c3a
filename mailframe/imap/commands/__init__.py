"""IMAP commands: one a module, or one family."""
