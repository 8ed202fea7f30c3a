"""IMAP extensions: one a module."""
