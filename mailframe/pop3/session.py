"""One POP3 session: its state, and the tables it serves. Knows no socket."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeAlias, TypeVar

from attrs import define, field, frozen
from twisted.logger import Logger

from mailframe.auth.login import Login
from mailframe.errors import BadCredentials, MailError, NoSuchAccount, Temporary
from mailframe.hooks import Client
from mailframe.interfaces import Identity, Password
from mailframe.net.conversation import ConversationOver
from mailframe.net.lines import LineTooLong
from mailframe.pop3.grammar import BadSyntax, command
from mailframe.pop3.limits import Limits
from mailframe.pop3.maildrop import Maildrop
from mailframe.pop3.reader import Reader
from mailframe.site import Site

T = TypeVar("T")

_log = Logger()


class State(enum.Enum):
    """RFC 1939 section 3; UPDATE is what QUIT does."""

    AUTHORIZATION = "AUTHORIZATION"
    TRANSACTION = "TRANSACTION"


class Refused(Exception):
    """
    Ends a command with C{-ERR}.

    @ivar text: with an extended response code (RFC 2449 section 8, RFC 3206) where one fits.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class Wire(Protocol):
    """The connection, as a session sees it."""

    def write(self, data: bytes) -> None:
        """Give octets to the client, soon."""

    def pull(self, parse: Callable[[], T | None], seconds: float) -> Awaitable[T]:
        """Wait until the reader makes something of the octets that came."""

    async def drained(self, seconds: float) -> None:
        """Wait until the client has read most of what was written."""

    async def start_tls(self, context_factory: Any) -> None:
        """Begin TLS."""


Run: TypeAlias = "Callable[[Session, bytes], Awaitable[None]]"


@frozen
class Command:
    """
    A keyword.

    @ivar capability: its line of CAPA while it can be used; C{None} is none.
    """

    keyword: bytes
    states: frozenset[State]
    run: Run
    capability: Callable[[Session], bytes | None] = lambda session: None


@define(eq=False)
class Session:
    """
    @ivar store: an L{mailframe.interfaces.IMailStore}.
    @ivar locked: accounts whose maildrops are open: one session has each (RFC 1939 section 4).
    @ivar username: what USER said.
    """

    wire: Wire
    reader: Reader
    site: Site
    client: Client
    store: Any
    login: Login
    commands: Mapping[bytes, Command]
    locked: set[str]
    limits: Limits
    tls_context: Any = None
    state: State = State.AUTHORIZATION
    username: bytes = b""
    drop: Maildrop | None = None
    over: bool = False
    bad_commands: int = 0
    began: float = field(init=False)
    _lock: str | None = None

    def __attrs_post_init__(self) -> None:
        self.began = self.site.clock.seconds()

    async def serve(self) -> None:
        """Serve the client from the greeting to the end."""
        self.wire.write(b"+OK mailframe is ready\r\n")
        try:
            while not self.over:
                try:
                    line = await self.wire.pull(self.reader.line, self.patience)
                except LineTooLong:
                    self.refuse("Line too long")
                    continue
                await self._line(line)
        finally:
            self.unlock()

    @property
    def patience(self) -> float:
        """How many seconds the client may take now."""
        if self.state is State.AUTHORIZATION:
            return max(0.0, self.began + self.limits.login_seconds - self.site.clock.seconds())
        return self.limits.autologout_seconds

    async def _line(self, line: bytes) -> None:
        try:
            keyword, argument = command(line)
            known = self.commands.get(keyword)
            if known is None:
                raise Refused("There is no such command")
            if self.state not in known.states:
                raise Refused(f"This command is not for the {self.state.value} state")
            await known.run(self, argument)
            self.bad_commands = 0
        except Refused as refused:
            self.refuse(refused.text)
        except BadSyntax as problem:
            self.refuse(str(problem))
        except MailError as error:
            self.refuse(_translated(error))
        except ConversationOver:
            raise
        except Exception:
            _log.failure("{session} command failed", session=self.client.session)
            self.refuse("[SYS/TEMP] The server is at fault, its log says why")

    def refuse(self, text: str) -> None:
        """Answer with an error; too many end the session."""
        self.wire.write(b"-ERR %b\r\n" % text.encode("ascii", "replace"))
        self.bad_commands += 1
        if self.bad_commands >= self.limits.bad_commands:
            self.over = True

    def ok(self, text: str) -> None:
        """Answer that all is well."""
        self.wire.write(b"+OK %b\r\n" % text.encode("ascii", "replace"))

    # --- logging in ------------------------------------------------------------------------------------------------

    async def attempt(self, credentials: Password) -> None:
        """
        Log in and lock the maildrop.

        @raise Refused: another session has it.
        """
        identity = await self.login.attempt(credentials, self.client)
        try:
            self.drop = await self._open(identity)
        except NoSuchAccount:
            raise BadCredentials("Authentication failed") from None
        self.client.identity = identity
        self.state = State.TRANSACTION
        self.ok(f"{len(self.drop.uids)} messages")

    async def _open(self, identity: Identity) -> Maildrop:
        if identity.account in self.locked or not self._hold(identity.account):
            raise Refused("[IN-USE] Another session has this maildrop open")
        self.locked.add(identity.account)
        self._lock = identity.account
        try:
            account = await self.store.open(identity.account)
            return await Maildrop.of(await account.mailbox("INBOX"))
        except BaseException:
            self.unlock()
            raise

    def unlock(self) -> None:
        """Let others have the maildrop."""
        if self._lock is not None:
            self.locked.discard(self._lock)
            if self.site.fellows is not None:
                self.site.fellows.release(_drop_of(self._lock))
            self._lock = None

    def _hold(self, account: str) -> bool:
        """Keep other processes of the server from opening a maildrop; return whether none has it open."""
        return self.site.fellows is None or self.site.fellows.hold(_drop_of(account))

    def maildrop(self) -> Maildrop:
        """Return the maildrop of the user who has logged in."""
        assert self.drop is not None, "only the TRANSACTION state comes here"
        return self.drop


def _drop_of(account: str) -> str:
    return f"maildrop of {account}"


def _translated(error: MailError) -> str:
    """Return what a client is told of an error (RFC 3206)."""
    if isinstance(error, BadCredentials):
        return "[AUTH] Authentication failed"
    if isinstance(error, Temporary):
        return f"[SYS/TEMP] {error}"
    return str(error) or "It cannot be done"
