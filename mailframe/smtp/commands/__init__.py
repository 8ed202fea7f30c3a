"""SMTP commands: one a module."""
