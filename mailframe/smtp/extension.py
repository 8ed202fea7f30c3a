"""The shape of an SMTP extension, and the tables that extensions fill: verbs, MAIL and RCPT parameters, EHLO lines."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from attrs import evolve, frozen

from mailframe.envelope import Envelope, Recipient
from mailframe.smtp.replies import Reply

if TYPE_CHECKING:
    from mailframe.smtp.session import Session

Run: TypeAlias = "Callable[[Session, bytes], Awaitable[None]]"
MailParameter: TypeAlias = "Callable[[Session, Envelope, bytes | None], Envelope]"
"""Reads one parameter of MAIL; it may raise L{mailframe.smtp.replies.Refused}."""
RcptParameter: TypeAlias = "Callable[[Session, Recipient, bytes | None], Recipient]"
"""Reads one parameter of RCPT; it may raise L{mailframe.smtp.replies.Refused}."""


@frozen
class Command:
    """
    A verb.

    @ivar usage: what HELP shows.
    @ivar run: serves it; gets the session and the argument.
    @ivar argument: whether it takes one.
    @ivar greeted: only after HELO, EHLO or LHLO.
    """

    verb: bytes
    usage: str
    run: Run
    argument: bool = True
    greeted: bool = True


@frozen
class Extension:
    """
    @ivar name: its keyword.
    @ivar ehlo: the line of the EHLO reply, or C{None} when this session does not offer it.
    @ivar mail: parameters of MAIL by keyword.
    @ivar rcpt: parameters of RCPT by keyword.
    @ivar withheld: what its parameters are told where it is not offered; C{None} is the 555 of unknown ones.
    """

    name: str
    rfc: int
    ehlo: Callable[[Session], str | None]
    commands: tuple[Command, ...] = ()
    mail: Mapping[bytes, MailParameter] = {}
    rcpt: Mapping[bytes, RcptParameter] = {}
    withheld: Reply | None = None


@frozen
class Vocabulary:
    """All that a server understands."""

    extensions: tuple[Extension, ...]
    commands: Mapping[bytes, Command]
    mail: Mapping[bytes, tuple[Extension, MailParameter]]
    rcpt: Mapping[bytes, tuple[Extension, RcptParameter]]

    @classmethod
    def of(cls, commands: Sequence[Command], extensions: Sequence[Extension]) -> Vocabulary:
        """
        Put tables together.

        @raise ValueError: two of them claim one name.
        """
        all_commands = [*commands, *(command for extension in extensions for command in extension.commands)]
        mail = [(name, (each, parse)) for each in extensions for name, parse in each.mail.items()]
        rcpt = [(name, (each, parse)) for each in extensions for name, parse in each.rcpt.items()]
        for names in ([c.verb for c in all_commands], [n for n, _ in mail], [n for n, _ in rcpt]):
            twice = {name.decode() for name in names if names.count(name) > 1}
            if twice:
                raise ValueError(f"two extensions claim {', '.join(sorted(twice))}")
        return cls(tuple(extensions), {command.verb: command for command in all_commands}, dict(mail), dict(rcpt))

    def without(self, *verbs: bytes) -> Vocabulary:
        """Return the same without some verbs."""
        return evolve(self, commands={verb: each for verb, each in self.commands.items() if verb not in verbs})
