"""Envelopes and recipients as the text that a queue's tables keep; pure."""

from __future__ import annotations

import json
from typing import Any

from mailframe.address import Address
from mailframe.envelope import Envelope, Recipient
from mailframe.hooks import Outcome, Retry

_text = json.JSONEncoder(ensure_ascii=False).encode
"""What C{json.dumps} would do, which makes an encoder each time."""


def envelope_text(envelope: Envelope) -> str:
    """Return an envelope without its recipients as JSON; what has its default is left out."""
    wishes = {
        "sender": _pair(envelope.sender) if envelope.sender else None,
        "body": None if envelope.body == "7BIT" else envelope.body,
        "smtputf8": envelope.smtputf8,
        "require_tls": envelope.require_tls,
        "ret": envelope.ret,
        "envid": envelope.envid,
        "account": envelope.account,
    }
    return _text({name: value for name, value in wishes.items() if value})


def recipient_text(recipient: Recipient) -> str:
    """Return a recipient with its wishes as JSON."""
    wishes: dict[str, Any] = {"address": _pair(recipient.address)}
    if recipient.notify:
        wishes["notify"] = sorted(recipient.notify)
    if recipient.orcpt is not None:
        wishes["orcpt"] = recipient.orcpt
    return _text(wishes)


def read_recipient(text: str) -> Recipient:
    """Return the recipient of a text."""
    to = json.loads(text)
    return Recipient(Address(*to["address"]), frozenset(to.get("notify", ())), to.get("orcpt"))


def read_envelope(envelope: str, recipient: str) -> Envelope:
    """Return the envelope for one recipient from the two texts."""
    wishes = json.loads(envelope)
    sender = wishes.pop("sender", None)
    return Envelope(Address(*sender) if sender else None, (read_recipient(recipient),), **wishes)


def outcome_text(outcome: Outcome) -> str:
    """Return how an attempt ended, for those who inspect the queue."""
    said = {name: getattr(outcome, name, "") for name in ("status", "text", "remote", "diagnostic")}
    return _text({name: value for name, value in said.items() if value})


def read_outcome(text: str | None) -> Retry | None:
    """Return how the last attempt ended: not for good, since the recipient is still here."""
    if text is None:
        return None
    if text.startswith("{"):
        return Retry(**json.loads(text))
    status, _space, words = text.partition(" ")  # the first version kept no more
    return Retry(status, words)


def _pair(address: Address) -> list[str]:
    return [address.local, address.domain]
