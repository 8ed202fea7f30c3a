"""Delivery to a program, which gets the message on its standard input and answers by its exit status.

There is no shell: the program is given as a list of arguments. Those that are placeholders stand for what strangers
say, each for one whole argument:

  - C{{sender}} and C{{recipient}}: the addresses of the envelope; the null sender is the empty string;
  - C{{local}} and C{{domain}}: the parts of the recipient;
  - C{{id}}: the message's id.

A program takes an argument that begins with C{-} for an option, and an address may begin so. Behind an argument C{--}
programs take none for one, so there any address may stand; elsewhere such mail is refused.
"""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from attrs import define, field
from attrs.validators import gt
from twisted.internet.defer import Deferred, DeferredSemaphore, gatherResults
from twisted.logger import Logger
from zope.interface import directlyProvides

from mailframe import status as codes
from mailframe.address import Address, quote_local
from mailframe.envelope import Recipient
from mailframe.hooks import Delivered, Delivery, Failed, Outcome, Retry
from mailframe.interfaces import IElsewhere
from mailframe.message import composing, trace
from mailframe.net.programs import OUTPUT, Ended, run
from mailframe.site import Program, Site
from mailframe.spool import Message

SECONDS = 200.0
"""How long a program may take: less than what a delivery before the client's answer may."""
CONCURRENCY = 10
"""Programs that one target runs at the same time."""
TEXT = 200
"""Characters of the first line of its output that are told."""

PATH = "/usr/local/bin:/usr/bin:/bin"
"""Where programs are looked for, and look for others."""

STATUSES: Mapping[int, str] = {
    0: codes.OK,
    65: "5.6.0",  # EX_DATAERR
    67: codes.BAD_MAILBOX,  # EX_NOUSER
    68: "5.1.2",  # EX_NOHOST
    69: "5.3.0",  # EX_UNAVAILABLE
    75: codes.SYSTEM_FAULT,  # EX_TEMPFAIL
    76: "5.5.0",  # EX_PROTOCOL
    77: codes.POLICY,  # EX_NOPERM
}
"""
What an exit status means, by those of C{sysexits.h} that say something about the mail.

All others mean L{Retry}: that the program does not understand its arguments (EX_USAGE), lacks a file, is broken
(EX_SOFTWARE) or not there is no fault of the mail, and can be mended before it is given up. So it is when a signal ends
it, or when it takes too long.
"""

_VARIABLES = {
    "{sender}": "SENDER",
    "{recipient}": "RECIPIENT",
    "{local}": "LOCAL",
    "{domain}": "DOMAIN",
    "{id}": "MESSAGE_ID",
}
_NO_SITE = Retry("4.3.5", "This target runs only within a server")
_LOOP = Failed(codes.ROUTING_LOOP, "The message has been delivered to this address before")
_OPTION = Failed("5.1.0", "An address of this message begins with '-', which its program would take for an option")

_log = Logger()

Values: TypeAlias = Mapping[str, str]


def _arguments(given: Any) -> tuple[str, ...]:
    if isinstance(given, str) or not all(isinstance(each, str) for each in given):
        raise TypeError(
            f"a command is a list of strings such as ['/usr/bin/procmail', '-d', '{{local}}'], not {given!r}"
        )
    return tuple(given)


def _check_arguments(_target: object, _attribute: Any, arguments: Sequence[str]) -> None:
    if not arguments or arguments[0] in ("", *_VARIABLES):
        raise ValueError("a command begins with the file of its program")
    for each in arguments:
        if "\0" in each:
            raise ValueError(f"a program cannot be given {each!r}")
        if each not in _VARIABLES and any(name in each for name in _VARIABLES):
            raise ValueError(f"a placeholder is an argument of its own, and {each!r} is more")


def _check_statuses(_target: object, _attribute: Any, statuses: Mapping[int, str]) -> None:
    for status in statuses.values():
        codes.checked(status)


def _user(name: str | int | None) -> pwd.struct_passwd | None:
    if name is None:
        return None
    try:
        return pwd.getpwnam(name) if isinstance(name, str) else pwd.getpwuid(name)
    except KeyError:
        raise ValueError(f"there is no user {name!r} here") from None


def _group(name: str | int | None) -> int | None:
    if name is None or isinstance(name, int):
        return name
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise ValueError(f"there is no group {name!r} here") from None


@define(eq=False, slots=False)
class ToCommand:
    """
    A program, run once for each recipient.

    It gets the message with Return-Path and Delivered-To in front on standard input, and may ignore it. Besides the
    arguments it is told by its environment: C{SENDER}, C{RECIPIENT}, C{LOCAL}, C{DOMAIN} and C{MESSAGE_ID}, where
    C{LOCAL} is quoted if it must be; of the server's own environment it sees nothing. The first line of what it prints
    goes into the log, and into the report to the sender if it fails. See L{STATUSES} for its exit status.

    Its mail is queued before the client is told that all is well, and the program is run when it can be: so a program
    that is broken, or slower than the mail, costs no mail and keeps no client waiting. Therefore it counts as another
    server: through a route for everything it is reached by our own users only. C{at_once} runs it before the answer
    instead, so that what it refuses is refused there; then it is like any function, also for a route for everything.

    @ivar arguments: the program and its arguments, with placeholders such as C{{recipient}}.
    @ivar environment: more variables.
    @ivar directory: where it runs.
    @ivar user: name or number of the user that it runs as, which only root may choose; by default the server's own.
    @ivar group: the group, by default that of C{user}.
    @ivar crlf: lines end in CRLF; by default they end in LF, as programs on Unix want it.
    @ivar at_once: see above.
    @ivar seconds: how long it may take; then all of its process group is killed.
    @ivar output: octets of its output that are looked at.
    @ivar concurrency: how many run at the same time.
    @ivar statuses: what more exit statuses mean, or others than by L{STATUSES}: C{{1: "5.7.1", 99: "2.0.0"}}.
    """

    arguments: Sequence[str] = field(converter=_arguments, validator=_check_arguments)
    environment: Mapping[str, str] = field(factory=dict, kw_only=True)
    directory: str = field(default="/", kw_only=True, converter=os.path.abspath)
    user: str | int | None = field(default=None, kw_only=True)
    group: str | int | None = field(default=None, kw_only=True)
    crlf: bool = field(default=False, kw_only=True)
    at_once: bool = field(default=False, kw_only=True)
    seconds: float = field(default=SECONDS, kw_only=True, validator=gt(0))
    output: int = field(default=OUTPUT, kw_only=True, validator=gt(0))
    concurrency: int = field(default=CONCURRENCY, kw_only=True, validator=gt(0))
    statuses: Mapping[int, str] = field(factory=dict, kw_only=True, validator=_check_statuses)

    def __attrs_post_init__(self) -> None:
        entry = _user(self.user)
        self._uid = None if entry is None else entry.pw_uid
        self._gid = _group(self.group) if entry is None or self.group is not None else entry.pw_gid
        self._groups = [] if entry is None or self._gid is None else os.getgrouplist(entry.pw_name, self._gid)
        self._room = DeferredSemaphore(self.concurrency)
        self._means = {**STATUSES, **self.statuses}
        if not self.at_once:
            directlyProvides(self, IElsewhere)

    async def __call__(self, delivery: Delivery) -> Mapping[Address, Outcome]:
        """Run it for each recipient."""
        who = [recipient.address for recipient in delivery.recipients]
        runs = [Deferred.fromCoroutine(self._deliver(delivery, recipient)) for recipient in delivery.recipients]
        outcomes = await gatherResults(runs, consumeErrors=True)
        return dict(zip(who, outcomes, strict=True))

    async def _deliver(self, delivery: Delivery, recipient: Recipient) -> Outcome:
        if delivery.site is None:
            return _NO_SITE
        to = bytes(recipient.address)
        if trace.was_delivered_to(delivery.message.head, to):
            return _LOOP
        values = _values(delivery, recipient.address)
        arguments = _filled(self.arguments, values)
        if arguments is None:
            return _OPTION
        sender = b"" if delivery.sender is None else bytes(delivery.sender)
        message = delivery.message.with_fields(trace.return_path(sender) + trace.delivered_to(to))
        variables = {_VARIABLES[placeholder]: value for placeholder, value in values.items()}
        environment = {"PATH": PATH, "LANG": "C.UTF-8", **self.environment, **variables}
        program = Program(arguments, environment, self.directory, self._uid, self._gid, self._groups)
        return await self._in_turn(delivery.site, program, message)

    async def _in_turn(self, site: Site, program: Program, message: Message) -> Outcome:
        await self._room.acquire()
        try:
            return await self._run(site, program, message)
        finally:
            self._room.release()

    async def _run(self, site: Site, program: Program, message: Message) -> Outcome:
        pieces = message.chunks() if self.crlf else _with_lf(message.chunks())
        try:
            ended = await run(site, program, pieces, self.seconds, self.output)
        except OSError as error:
            _log.error("{program} cannot be run: {error}", program=program.arguments[0], error=error)
            return Retry("4.3.5", "The program for this address cannot be run")
        return self._outcome(ended)

    def _outcome(self, ended: Ended) -> Outcome:
        said = _first_line(ended.output)
        if ended.late:
            return Retry("4.3.0", said or f"The program took more than {self.seconds:g} seconds")
        if ended.status is None:
            return Retry("4.3.0", said or f"Signal {ended.signal} has ended the program")
        status = self._means.get(ended.status, "4.3.0")
        text = said or f"The program ended with status {ended.status}"
        if status.startswith("2"):
            return Delivered(said or f"to {os.path.basename(self.arguments[0])}")
        return Retry(status, text) if status.startswith("4") else Failed(status, text)


def _values(delivery: Delivery, recipient: Address) -> Values:
    """Return what the placeholders stand for."""
    return {
        "{sender}": str(delivery.sender or ""),
        "{recipient}": str(recipient),
        "{local}": quote_local(recipient.local),
        "{domain}": recipient.domain,
        "{id}": delivery.id,
    }


def _filled(arguments: Sequence[str], values: Values) -> Sequence[str] | None:
    """Return the arguments with what they stand for, or C{None} if one would be taken for an option."""
    filled: list[str] = []
    for each in arguments:
        value = values.get(each, each)
        if value is not each and value.startswith("-") and "--" not in filled:
            return None
        filled.append(value)
    return filled


def _with_lf(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the octets with LF for CRLF."""
    rest = b""
    for chunk in chunks:
        piece = rest + chunk
        rest = b"\r" if piece.endswith(b"\r") else b""
        yield piece[: len(piece) - len(rest)].replace(b"\r\n", b"\n")
    if rest:
        yield rest


def _first_line(output: bytes) -> str:
    """Return the first line of a program's output that is not empty, fit for a log, a reply and a report."""
    lines = output.decode("utf-8", "replace").splitlines()
    text = next((line for each in lines if (line := composing.one_line(each, TEXT))), "")
    return "".join(each if each.isprintable() else "?" for each in text)
