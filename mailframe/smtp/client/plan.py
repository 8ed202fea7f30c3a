"""What of a delivery can go to a server that offers so much, and as what; or why it cannot."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from mailframe.address import Address
from mailframe.envelope import Envelope, Recipient
from mailframe.hooks import Delivery, Failed
from mailframe.message import sevenbit
from mailframe.smtp.client.offers import Offers
from mailframe.smtp.client.outcomes import Unusable
from mailframe.smtp.client.seven_bit import SevenBit, seven_bit
from mailframe.spool import FileBody, Message
from mailframe.xtext import encode, encode_orcpt


class CannotCarry(Unusable):
    """
    This server cannot take this message; nothing of it was said.

    @ivar elsewhere: another server of the domain may (RFC 8689 4.2.1). What size and which addresses it takes, each of
        them says for all.
    """

    def __init__(self, failed: Failed, elsewhere: bool = False) -> None:
        super().__init__(failed)
        self.elsewhere = elsewhere


@frozen
class Plan:
    """
    One transaction.

    @ivar mail: the MAIL command with its CRLF.
    @ivar rcpt: the RCPT commands, by recipient.
    @ivar message: as it is to be sent.
    @ivar size: its octets; C{None} when that is known only at its end.
    @ivar chunked: by BDAT (RFC 3030) instead of DATA.
    """

    mail: bytes
    rcpt: Sequence[tuple[Address, bytes]]
    message: Message | SevenBit
    size: int | None
    chunked: bool


def plan(delivery: Delivery, offers: Offers, peer: str, lmtp: bool = False) -> Plan:
    """
    Say how a delivery goes to a server.

    @param lmtp: it is where the mail stays: what the way from there on must be like is no question.
    @raise CannotCarry: it does not.
    """
    envelope, message = delivery.envelope, delivery.message
    octets = message.size
    _check_size(octets, offers, peer)
    utf8 = _needs_utf8(delivery)
    if utf8 and "SMTPUTF8" not in offers:
        text = f"The addresses or header fields need SMTPUTF8 (RFC 6531), which {peer} does not offer"
        raise CannotCarry(Failed("5.6.7", text, peer))
    promised = "REQUIRETLS" in offers
    if envelope.require_tls and not (promised or lmtp):
        text = f"The sender wants TLS all the way (RFC 8689), and {peer} does not promise it"
        raise CannotCarry(Failed("5.7.30", text, peer), elsewhere=True)
    carried = _carried(envelope, message, offers, peer)
    size: int | None = octets
    if carried is not message:
        size = carried.size if isinstance(carried, Message) else None
        octets = octets if size is None else size
        _check_size(octets, offers, peer)
    body = _body(envelope, carried, offers)
    parameters = [*_size(octets, offers), *body, *_mail_wishes(envelope, offers)]
    parameters += ["SMTPUTF8"] * utf8 + ["REQUIRETLS"] * (envelope.require_tls and promised)
    sender = "" if envelope.sender is None else str(envelope.sender)
    single = {recipient.address: recipient for recipient in delivery.recipients}
    return Plan(
        _line(f"MAIL FROM:<{sender}>", parameters),
        [(address, _line(f"RCPT TO:<{address}>", _wishes(each, offers))) for address, each in single.items()],
        carried,
        size,
        size is not None and "CHUNKING" in offers,
    )


def _check_size(octets: int, offers: Offers, peer: str) -> None:
    if offers.size and octets > offers.size:
        text = f"The message has {octets} octets, and {peer} takes {offers.size}"
        raise CannotCarry(Failed("5.3.4", text, peer))


def _carried(envelope: Envelope, message: Message, offers: Offers, peer: str) -> Message | SevenBit:
    """
    Return the message as this server can take it (RFC 6152 section 3).

    @raise CannotCarry: it cannot be made so.
    """
    binary = envelope.body == "BINARYMIME"
    if binary and "BINARYMIME" in offers and "CHUNKING" in offers:
        return message
    if not binary and ("8BITMIME" in offers or not _declares_8bit(envelope, message)):
        return message
    try:
        return seven_bit(message, binary)
    except sevenbit.Unconvertible as error:
        text = f"{peer} takes 7 bit only, and the message cannot be made so: {error}"
        raise CannotCarry(Failed("5.6.3", text, peer)) from None


def _declares_8bit(envelope: Envelope, message: Message) -> bool:
    return envelope.body != "7BIT" or _has_8bit(message)


def _line(command: str, parameters: Sequence[str]) -> bytes:
    return " ".join([command, *parameters]).encode("utf-8") + b"\r\n"


def _needs_utf8(delivery: Delivery) -> bool:
    """A message that was sent with SMTPUTF8 may not need it (RFC 6531 3.6): addresses and header decide."""
    addresses = [recipient.address for recipient in delivery.recipients]
    addresses += [delivery.sender] if delivery.sender else []
    if not all(address.is_ascii for address in addresses):
        return True
    return delivery.envelope.smtputf8 and not delivery.message.head.isascii()


def _body(envelope: Envelope, message: Message | SevenBit, offers: Offers) -> list[str]:
    """Return the BODY parameter."""
    if envelope.body == "BINARYMIME" and "CHUNKING" in offers and "BINARYMIME" in offers:
        return ["BODY=BINARYMIME"]
    if "8BITMIME" in offers and isinstance(message, Message) and _declares_8bit(envelope, message):
        return ["BODY=8BITMIME"]
    return []


def _has_8bit(message: Message) -> bool:
    """Whether a small message has octets above 127; what a big one has, its sender has declared."""
    return not (message.head.isascii() and (isinstance(message.body, FileBody) or message.body.isascii()))


def _size(octets: int, offers: Offers) -> list[str]:
    """Return the SIZE parameter, which may be an estimate (RFC 1870 6.1)."""
    return [f"SIZE={octets}"] if "SIZE" in offers else []


def _mail_wishes(envelope: Envelope, offers: Offers) -> list[str]:
    if "DSN" not in offers:
        return []
    wishes = [f"RET={envelope.ret}"] if envelope.ret else []
    return wishes + ([f"ENVID={encode(envelope.envid)}"] if envelope.envid else [])


def _wishes(recipient: Recipient, offers: Offers) -> list[str]:
    if "DSN" not in offers:
        return []
    wishes = [f"NOTIFY={','.join(sorted(recipient.notify))}"] if recipient.notify else []
    return wishes + ([f"ORCPT={encode_orcpt(recipient.orcpt)}"] if recipient.orcpt else [])
