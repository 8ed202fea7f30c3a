"""What became of a message, for the person who sent it: what happened to whom, in whose words, and what to do now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from attrs import frozen

from mailframe.message import composing, dates
from mailframe.message.delivery_status import (
    ACTIONS,
    DELAYED,
    DELIVERED,
    DIAGNOSTIC,
    EXPANDED,
    FAILED,
    RELAYED,
    Status,
    address_type,
    unembedded,
)

SUBJECTS = {
    FAILED: "Your message could not be delivered",
    DELAYED: "Your message is not delivered yet",
    RELAYED: "Your message was handed on",
    EXPANDED: "Your message was delivered to several addresses",
    DELIVERED: "Your message was delivered",
}

_HEADINGS = {
    FAILED: "Your message could NOT be delivered to:",
    DELAYED: "Your message could not be delivered YET to:",
    RELAYED: "Your message was handed on to a server that does not report deliveries, for:",
    EXPANDED: "Your message was delivered, and goes on to several addresses, for:",
    DELIVERED: "Your message was delivered to:",
}

_FOOTINGS = {
    FAILED: "This server has given up, and will not try again for these addresses.",
    DELAYED: "This server keeps trying. You need not send the message again.",
}

# By subject and detail of RFC 3463, then by subject alone.
_ADVICE = {
    "1.1": "Check the address for a mistake. If it is right, its owner may have left.",
    "1.2": "Check the domain, the part behind the @, for a mistake.",
    "1.3": "Check the address for a mistake.",
    "1.10": "The domain, the part behind the @, takes no mail at all. Ask for another address.",
    "1.8": "The server does not accept your own address. Tell your mail administrator.",
    "2.1": "The mailbox is closed. Reach the person in another way.",
    "2.2": "The mailbox is full. Tell its owner in another way, or try again later.",
    "2.3": "The message is too big for the mailbox. Send a smaller one.",
    "3.4": "The message is too big. Send a smaller one, or a link to what is attached.",
    "4.6": "The message goes round in a circle. Tell your mail administrator.",
    "4.7": "The server did not take the message in time. Send it again later.",
    "6.7": "The server cannot take addresses with letters beyond ASCII. Ask for another address.",
    "1": "Check the address.",
    "2": "Something is wrong with the mailbox. Reach its owner in another way.",
    "3": "Send it again later. If that fails too, tell the administrator of the other server.",
    "4": "The server could not be reached. Send it again later, or check the domain, the part behind the @.",
    "5": "The servers do not understand each other. Tell your mail administrator.",
    "6": "The server cannot take what is in the message. Send it in another form.",
    "7": "The server does not want the message. Its words may say why; its administrator can change that.",
}
_ADVICE_ELSE = "If you cannot tell what is wrong, send this report to your mail administrator."

_TEXT = 1_000
"""Characters of one explanation of ours, an address or a Subject."""
_INDENT = "    "


@frozen
class About:
    """
    The message that a report is about, so that its sender knows it again; what is not known is empty.

    @ivar returned: a sentence about what of it comes with the report.
    """

    arrived: datetime
    subject: str = ""
    message_id: str = ""
    returned: str = ""


def kind(statuses: Sequence[Status]) -> str:
    """Return the action that the sender must know of first."""
    return min((status.action for status in statuses), key=ACTIONS.index)


def explanation(reporting_mta: str, statuses: Sequence[Status], about: About) -> str:
    """
    Return the text, in lines that end in CRLF.

    @param reporting_mta: our host name.
    """
    lines = [*composing.paragraph(f"This is the mail server {_clean(reporting_mta)}."), ""]
    for action in ACTIONS:
        concerned = [status for status in statuses if status.action == action]
        if concerned:
            lines += _section(action, concerned)
    lines += _message(about)
    return "".join([f"{line}\r\n" for line in lines])


def _section(action: str, statuses: Sequence[Status]) -> Iterator[str]:
    yield _HEADINGS[action]
    for status in statuses:
        yield ""
        yield from _recipient(status)
    yield ""
    if action in _FOOTINGS:
        yield _FOOTINGS[action]
        yield ""


def _recipient(status: Status) -> Iterator[str]:
    address = composing.one_line(status.address, _TEXT)
    yield from composing.paragraph(address, "  ")
    for sentence in _sentences(status, address):
        yield from composing.paragraph(sentence, _INDENT)


def _sentences(status: Status, address: str) -> Iterator[str]:
    meant = _clean(unembedded(address_type(status.original)[1])) if status.original else address
    if meant.lower() != address.lower():
        yield f"You wrote to {meant}."
    if status.text:
        yield _sentence(_clean(status.text))
    if status.diagnostic:
        who = f"The server {_clean(status.remote)}" if status.remote else "The server"
        yield f"{who} said: {composing.one_line(status.diagnostic, DIAGNOSTIC)}"
    elif status.remote:
        yield f"The last server tried was {_clean(status.remote)}."
    if status.action == FAILED:
        yield f"What to do: {_advice(status.status)}"
    if status.action == DELAYED and status.will_retry_until:
        until = _date(status.will_retry_until)
        yield f"It will be tried until {until}. If it cannot be delivered by then, you will be told."


def _advice(status: str) -> str:
    _class, _, detail = status.partition(".")
    return _ADVICE.get(detail) or _ADVICE.get(detail.partition(".")[0]) or _ADVICE_ELSE


def _message(about: About) -> Iterator[str]:
    yield "The message:"
    yield ""
    if about.subject:
        yield from composing.paragraph(f"Subject: {_clean(about.subject)}", _INDENT)
    if about.message_id:
        yield from composing.paragraph(f"Message-ID: {_clean(about.message_id)}", _INDENT)
    yield f"{_INDENT}It came here on {_date(about.arrived)}."
    if about.returned:
        yield ""
        yield about.returned


def _clean(text: str) -> str:
    return composing.one_line(text, _TEXT)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _date(when: datetime) -> str:
    return dates.format(when).decode("ascii")
