"""What became of a message for each recipient, as programs read it: message/delivery-status (RFC 3464, RFC 6533)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from attrs import field, frozen, validators

from mailframe.message import composing, dates
from mailframe.status import checked

FAILED, DELAYED, RELAYED, EXPANDED, DELIVERED = "failed", "delayed", "relayed", "expanded", "delivered"
ACTIONS = (FAILED, DELAYED, RELAYED, EXPANDED, DELIVERED)
"""RFC 3464 2.3.3, the one first that the sender wants to know of first."""

DIAGNOSTIC = 2_000
"""Characters of a server's reply that are passed on."""

_HOST_NAME = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+\.?|\[[0-9A-Fa-f.:IPv]+\]")
_ADDRESS_TYPE = re.compile(r"[A-Za-z0-9-]{1,40}")
_EMBEDDED = re.compile(r"\\x\{(0?[0-9A-Fa-f]{2,5}|10[0-9A-Fa-f]{4})\}")
# RFC 6533 section 3: what utf-8-addr-xtext does not have as it stands.
_NOT_QCHAR = re.compile(r"[^!-*,-<>-\[\]-~]")


def _status_code(_instance: object, _attribute: object, value: str) -> None:
    checked(value)


@frozen
class Status:
    """
    What became of the message for one recipient.

    @ivar address: the recipient in the envelope with which the message came here.
    @ivar action: one of L{ACTIONS}.
    @ivar status: a code of RFC 3463.
    @ivar text: what we say about it, for people.
    @ivar original: the ORCPT parameter, C{rfc822;a@example.org}, or C{None} (RFC 3461 4.2).
    @ivar remote: the server that said so; empty when no other server was asked.
    @ivar diagnostic: its reply, C{550 5.1.1 No such user}; empty when it did not answer.
    @ivar last_attempt: when it was tried last; C{None} when that is not known.
    @ivar will_retry_until: when it will be given up; only for C{delayed}.
    """

    address: str
    action: str = field(validator=validators.in_(ACTIONS))
    status: str = field(validator=_status_code)
    text: str = ""
    original: str | None = None
    remote: str = ""
    diagnostic: str = ""
    last_attempt: datetime | None = None
    will_retry_until: datetime | None = None


def delivery_status(
    reporting_mta: str, statuses: Sequence[Status], envid: str | None, arrived: datetime, utf8: bool
) -> bytes:
    """
    Return the fields of a delivery status: those of the message, and those of each recipient behind an empty line.

    They are ASCII without C{utf8}; with it, they may be UTF-8, and then belong in a message/global-delivery-status.

    @param reporting_mta: our host name.
    @param envid: the ENVID parameter, decoded.
    @param arrived: when the message came here.
    """
    groups = [_of_message(reporting_mta, envid, arrived, utf8)]
    groups += [_of_recipient(each, utf8) for each in statuses]
    return b"\r\n".join(groups)


def _of_message(reporting_mta: str, envid: str | None, arrived: datetime, utf8: bool) -> bytes:
    """RFC 3464 2.2."""
    fields = [] if envid is None else [composing.field("Original-Envelope-Id", envid, utf8)]
    # RFC 3461 6.3 (b): "dns" is for names that are fully qualified.
    kind = "dns" if _HOST_NAME.fullmatch(reporting_mta) else "x-local-hostname"
    fields.append(composing.field("Reporting-MTA", f"{kind}; {reporting_mta}", utf8))
    fields.append(_date("Arrival-Date", arrived))
    return b"".join(fields)


def _of_recipient(status: Status, utf8: bool) -> bytes:
    """RFC 3464 2.3, in the order of its grammar."""
    fields = []
    if status.original is not None:
        fields.append(composing.field("Original-Recipient", _original(status.original, utf8), utf8))
    fields.append(composing.field("Final-Recipient", _final(status.address, utf8), utf8))
    fields.append(composing.field("Action", status.action))
    fields.append(composing.field("Status", status.status))
    if status.remote:
        fields.append(composing.field("Remote-MTA", f"dns; {status.remote}", utf8))
    if diagnostic := _diagnostic(status):
        fields.append(composing.folded_field("Diagnostic-Code", diagnostic, utf8))
    if status.last_attempt:
        fields.append(_date("Last-Attempt-Date", status.last_attempt))
    if status.will_retry_until and status.action == DELAYED:
        fields.append(_date("Will-Retry-Until", status.will_retry_until))
    return b"".join(fields)


def _date(name: str, when: datetime) -> bytes:
    return composing.field(name, dates.format(when).decode("ascii"))


def _diagnostic(status: Status) -> str:
    """Return the server's reply, or else, where none is known, our own words about what went wrong (RFC 3464 2.3.6)."""
    if status.diagnostic:
        return f"smtp; {composing.one_line(status.diagnostic, DIAGNOSTIC)}"
    if status.text and status.action in (FAILED, DELAYED):
        return f"x-mailframe; {composing.one_line(status.text, DIAGNOSTIC)}"
    return ""


def _final(address: str, utf8: bool) -> str:
    return f"rfc822; {address}" if address.isascii() else f"utf-8; {_utf8_address(address, utf8)}"


def _original(orcpt: str, utf8: bool) -> str:
    kind, address = address_type(orcpt)
    return f"{kind}; {_utf8_address(address, utf8)}" if kind.lower() == "utf-8" else f"{kind}; {address}"


def address_type(orcpt: str) -> tuple[str, str]:
    """Return the type and the address of an ORCPT parameter; one without a type is C{unknown} (RFC 3464 2.3.1)."""
    kind, semicolon, address = orcpt.partition(";")
    if semicolon and _ADDRESS_TYPE.fullmatch(kind.strip()):
        return kind.strip(), address.strip()
    return "unknown", orcpt.strip()


def _utf8_address(address: str, utf8: bool) -> str:
    """Return an address of type C{utf-8} as RFC 6533 section 3 writes it: in full, or in ASCII where it must be."""
    if utf8:
        return unembedded(address)
    return address if address.isascii() else _NOT_QCHAR.sub(lambda match: f"\\x{{{ord(match[0]):02X}}}", address)


def unembedded(address: str) -> str:
    """Return the address with each C{\\x{HEX}} as the character it stands for (RFC 6533 section 3)."""
    return _EMBEDDED.sub(lambda match: chr(int(match[1], 16)), address)
