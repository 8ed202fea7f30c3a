"""SMTP extensions: one a module."""
