"""A mail server that is a Python library: SMTP, POP3 and IMAP on Twisted.

The names that configurations and hooks need, each imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mailframe.address import Address as Address
    from mailframe.auth.memory import MemoryAccounts as MemoryAccounts
    from mailframe.auth.password_file import PasswordFile as PasswordFile
    from mailframe.config import Server as Server
    from mailframe.config import over_tls as over_tls
    from mailframe.delivery.choosing import ToChosen as ToChosen
    from mailframe.delivery.choosing import by_sender as by_sender
    from mailframe.delivery.command import ToCommand as ToCommand
    from mailframe.delivery.discard import discard as discard
    from mailframe.delivery.forward import ToForward as ToForward
    from mailframe.delivery.mailbox import ToMailbox as ToMailbox
    from mailframe.delivery.refuse import ToNobody as ToNobody
    from mailframe.delivery.relay import ToLMTP as ToLMTP
    from mailframe.delivery.relay import ToMX as ToMX
    from mailframe.delivery.relay import ToSmarthost as ToSmarthost
    from mailframe.delivery.reply import ToReply as ToReply
    from mailframe.delivery.rewriting import SenderRewriting as SenderRewriting
    from mailframe.delivery.routes import Route as Route
    from mailframe.delivery.table import read_routes as read_routes
    from mailframe.envelope import Envelope as Envelope
    from mailframe.hooks import Accept as Accept
    from mailframe.hooks import Delivered as Delivered
    from mailframe.hooks import Delivery as Delivery
    from mailframe.hooks import Discard as Discard
    from mailframe.hooks import Failed as Failed
    from mailframe.hooks import Outcome as Outcome
    from mailframe.hooks import Postpone as Postpone
    from mailframe.hooks import Reject as Reject
    from mailframe.hooks import Retry as Retry
    from mailframe.hooks import Target as Target
    from mailframe.hooks import Verdict as Verdict
    from mailframe.imap import IMAP as IMAP
    from mailframe.journal.retention import Retention as Retention
    from mailframe.pop3 import POP3 as POP3
    from mailframe.queue.runner import Runner as Runner
    from mailframe.queue.schedule import Schedule as Schedule
    from mailframe.queue.schedule import Schedules as Schedules
    from mailframe.queue.tls_reports import TLSReports as TLSReports
    from mailframe.sasl.client import Credentials as Credentials
    from mailframe.site import Site as Site
    from mailframe.smtp import LMTP as LMTP
    from mailframe.smtp import MX as MX
    from mailframe.smtp import Submission as Submission
    from mailframe.spool import Message as Message
    from mailframe.sqlite import SQLite as SQLite
    from mailframe.store.memory import MemoryStore as MemoryStore

_HOMES = {
    "mailframe.address": ("Address",),
    "mailframe.auth.memory": ("MemoryAccounts",),
    "mailframe.auth.password_file": ("PasswordFile",),
    "mailframe.config": ("Server", "over_tls"),
    "mailframe.delivery.choosing": ("ToChosen", "by_sender"),
    "mailframe.delivery.command": ("ToCommand",),
    "mailframe.delivery.discard": ("discard",),
    "mailframe.delivery.forward": ("ToForward",),
    "mailframe.delivery.mailbox": ("ToMailbox",),
    "mailframe.delivery.refuse": ("ToNobody",),
    "mailframe.delivery.relay": ("ToLMTP", "ToMX", "ToSmarthost"),
    "mailframe.delivery.reply": ("ToReply",),
    "mailframe.delivery.rewriting": ("SenderRewriting",),
    "mailframe.delivery.routes": ("Route",),
    "mailframe.delivery.table": ("read_routes",),
    "mailframe.envelope": ("Envelope",),
    "mailframe.hooks": (
        "Accept",
        "Delivered",
        "Delivery",
        "Discard",
        "Failed",
        "Outcome",
        "Postpone",
        "Reject",
        "Retry",
        "Target",
        "Verdict",
    ),
    "mailframe.imap": ("IMAP",),
    "mailframe.journal.retention": ("Retention",),
    "mailframe.pop3": ("POP3",),
    "mailframe.queue.runner": ("Runner",),
    "mailframe.queue.schedule": ("Schedule", "Schedules"),
    "mailframe.queue.tls_reports": ("TLSReports",),
    "mailframe.sasl.client": ("Credentials",),
    "mailframe.site": ("Site",),
    "mailframe.smtp": ("LMTP", "MX", "Submission"),
    "mailframe.spool": ("Message",),
    "mailframe.sqlite": ("SQLite",),
    "mailframe.store.memory": ("MemoryStore",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "IMAP",
    "LMTP",
    "MX",
    "POP3",
    "Accept",
    "Address",
    "Credentials",
    "Delivered",
    "Delivery",
    "Discard",
    "Envelope",
    "Failed",
    "MemoryAccounts",
    "MemoryStore",
    "Message",
    "Outcome",
    "PasswordFile",
    "Postpone",
    "Reject",
    "Retention",
    "Retry",
    "Route",
    "Runner",
    "SQLite",
    "Schedule",
    "Schedules",
    "SenderRewriting",
    "Server",
    "Site",
    "Submission",
    "TLSReports",
    "Target",
    "ToChosen",
    "ToCommand",
    "ToForward",
    "ToLMTP",
    "ToMX",
    "ToMailbox",
    "ToNobody",
    "ToReply",
    "ToSmarthost",
    "Verdict",
    "by_sender",
    "discard",
    "over_tls",
    "read_routes",
]


def __getattr__(name: str) -> Any:
    """Import what is asked for (PEP 562): a server that speaks no IMAP need not load it."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = vars(import_module(_HOME[name]))[name]
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
