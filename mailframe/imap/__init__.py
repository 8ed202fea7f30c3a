"""IMAP (RFC 3501)."""
