"""SMTP and LMTP servers: MX, submission and local delivery."""

from mailframe.smtp.factory import LMTP, MX, Submission

__all__ = ["LMTP", "MX", "Submission"]
