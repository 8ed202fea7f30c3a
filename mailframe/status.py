"""Enhanced mail system status codes (RFC 3463, registry RFC 5248) that the framework itself uses, by meaning."""

from __future__ import annotations

import re

OK = "2.0.0"
SENDER_OK = "2.1.0"
RECIPIENT_OK = "2.1.5"
AUTHENTICATED = "2.7.0"
BAD_MAILBOX = "5.1.1"
BAD_RECIPIENT_SYNTAX = "5.1.3"
BAD_SENDER_SYNTAX = "5.1.7"
MAILBOX_FULL = "4.2.2"
MESSAGE_TOO_LARGE = "5.3.4"
SYSTEM_FULL = "4.3.1"
SYSTEM_FAULT = "4.3.0"
NOT_ACCEPTING = "4.3.2"
BAD_CONNECTION = "4.4.2"
ROUTING_LOOP = "5.4.6"
BAD_COMMAND = "5.5.1"
SYNTAX = "5.5.2"
TOO_MANY_RECIPIENTS = "4.5.3"
BAD_ARGUMENTS = "5.5.4"
BAD_CONTENT = "5.6.0"
NON_ASCII_ADDRESS = "5.6.7"
POLICY = "5.7.1"
POLICY_LATER = "4.7.1"
AUTHENTICATION_REQUIRED = "5.7.0"
BAD_CREDENTIALS = "5.7.8"
ENCRYPTION_REQUIRED = "5.7.10"
ENCRYPTION_NEEDED = "5.7.11"

_SHAPE = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}")


def checked(status: str, classes: str = "245") -> str:
    """
    Return C{status} when it is a status code of one of the allowed classes (RFC 3463 section 2).

    @param classes: the allowed first digits.
    @raise ValueError: it is not.
    """
    if not _SHAPE.fullmatch(status) or status[0] not in classes:
        wanted = " or ".join(f"{digit}.x.x" for digit in classes)
        raise ValueError(f"{status!r} is not a status code of the form {wanted} (RFC 3463)")
    return status
