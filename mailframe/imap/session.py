"""One IMAP session: its state, one command at a time, and what the client is told on the way. Knows no socket."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from attrs import define, field
from twisted.logger import Logger

from mailframe.auth.login import Login
from mailframe.errors import MailError, NoSuchMailbox
from mailframe.hooks import Client
from mailframe.imap.extension import Command, State, Vocabulary
from mailframe.imap.grammar import BadSyntax, Cursor
from mailframe.imap.limits import Limits
from mailframe.imap.model import Model
from mailframe.imap.reader import BadLine, Event, LiteralComing, LiteralLost, RawCommand, Reader
from mailframe.imap.responses import Status, bad, no, translated
from mailframe.imap.sequence_set import BadNumber
from mailframe.imap.view import View
from mailframe.interfaces import IAccount, Identity, IMailbox, IRecent
from mailframe.net.conversation import ConversationOver
from mailframe.site import Site
from mailframe.spool import Spool

T = TypeVar("T")

_log = Logger()


class Wire(Protocol):
    """
    The connection, as a session sees it.

    @ivar busy: a command is half received: a server that stops waits for the rest of it.
    """

    busy: bool

    def write(self, data: bytes) -> None:
        """Give octets to the client, soon."""

    def flush(self) -> None:
        """Give them now."""

    def wake(self) -> None:
        """End the present wait."""

    def pull(self, parse: Callable[[], T | None], seconds: float) -> Awaitable[T]:
        """Wait until the reader makes something of the octets that came."""

    async def wait(self, seconds: float) -> None:
        """Wait for octets, or for C{wake}."""

    async def drained(self, seconds: float) -> None:
        """Wait until the client has read most of what was written."""

    async def pause(self) -> None:
        """Let others have their turn."""

    async def start_tls(self, context_factory: Any) -> None:
        """Begin TLS."""


@define(eq=False)
class Models:
    """The selected mailboxes of a process, each once."""

    _models: dict[str, Model] = field(factory=dict)

    async def open(self, mailbox: IMailbox) -> Model:
        """Return the model of a mailbox, up to date."""
        model = self._models.get(mailbox.id)
        if model is not None and not model.deleted:
            await model.follow()
        else:
            model = await Model.of(mailbox)
            # Somebody else may have been quicker; then its model is the one.
            other = self._models.get(mailbox.id)
            if other is not None and not other.deleted:
                model.close()
                return other
            if not model.deleted:
                self._models[mailbox.id] = model
        if model.deleted:
            raise NoSuchMailbox("The mailbox is gone")
        return model

    def release(self, model: Model) -> None:
        """Forget a model that nobody looks at."""
        if not model.followers:
            model.close()
            if self._models.get(model.mailbox.id) is model:
                del self._models[model.mailbox.id]


@define(eq=False)
class Session:
    """
    @ivar store: an L{mailframe.interfaces.IMailStore}.
    @ivar tls_context: for STARTTLS; C{None} does not offer it.
    @ivar account: of the user who has logged in.
    @ivar view: of the selected mailbox.
    @ivar condstore: the client knows mod-sequences (RFC 7162).
    @ivar begin_tls: TLS begins once the present command is answered.
    @ivar enabled: what ENABLE has turned on.
    """

    wire: Wire
    reader: Reader
    site: Site
    client: Client
    store: Any
    login: Login
    spool: Spool
    vocabulary: Vocabulary
    models: Models
    limits: Limits
    tls_context: Any = None
    state: State = State.NOT_AUTHENTICATED
    account: IAccount | None = None
    view: View | None = None
    condstore: bool = False
    begin_tls: bool = False
    enabled: set[bytes] = field(factory=set)
    bad_commands: int = 0
    began: float = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.began = self.site.clock.seconds()

    # --- the conversation -----------------------------------------------------------------------------------------

    async def serve(self) -> None:
        """Serve the client from the greeting to the end."""
        self.wire.write(b"* OK [CAPABILITY %b] mailframe is ready\r\n" % self.capabilities())
        try:
            while not self.over:
                await self._serve_one()
        finally:
            self.reader.reset()
            self.unselect()

    async def _serve_one(self) -> None:
        try:
            event: Event = await self.wire.pull(self.reader.next, self.patience)
        except LiteralLost as lost:
            _log.failure("{session} cannot spool a literal", session=self.client.session)
            self._end(lost.tag, no("The message cannot be received now", b"UNAVAILABLE"))
            return
        self.wire.busy = isinstance(event, LiteralComing)
        if isinstance(event, RawCommand):
            await self._command(event)
        elif isinstance(event, LiteralComing):
            self._literal(event)
        else:
            self._bad(event)

    @property
    def patience(self) -> float:
        """How many seconds the client may take now."""
        if self.state is State.NOT_AUTHENTICATED:
            return max(0.0, self.began + self.limits.login_seconds - self.site.clock.seconds())
        return self.limits.autologout_seconds

    def _bad(self, line: BadLine) -> None:
        self._end(line.tag or b"*", bad(line.text))

    def _literal(self, coming: LiteralComing) -> None:
        """Decide about a literal: in memory, into the spool, or not at all."""
        problem, spooled = None, False
        if self.state is State.NOT_AUTHENTICATED:
            if coming.size > self.limits.unauthenticated_literal:
                problem = bad("The literal is too long")
        elif coming.size > self.limits.literal:
            spooled = coming.name == b"APPEND"
            if not spooled:
                problem = bad("The literal is too long")
            elif coming.size > self.limits.message:
                problem = no("The message is too large", b"TOOBIG")
        if problem is not None:
            self._end(coming.tag, problem)
            if not coming.waits and coming.size > self.limits.discarded:
                self.bye("The literal is too long")
            self.reader.refuse_literal()
            return
        self.reader.take_literal(self.spool.begin() if spooled else None)
        if coming.waits:
            self.wire.write(b"+ OK\r\n")

    async def _command(self, raw: RawCommand) -> None:
        command = None
        try:
            command = self._find(raw)
            arguments = command.parse(raw.cursor, self.vocabulary)
            status = await command.run(self, arguments)
        except Status as ended:
            status = ended
        except BadSyntax as problem:
            status = bad(f"{raw.name.decode()}: {problem}")
        except BadNumber:
            status = bad("There is no message of that number")
        except MailError as error:
            status = translated(error)
        except ConversationOver:
            raise
        except Exception:
            _log.failure("{session} {name} failed", session=self.client.session, name=raw.name.decode())
            status = no("The server is at fault, its log says why", b"SERVERBUG")
        await self.tell(expunges=command is None or not command.keeps_numbers)
        self._end(raw.tag, status)
        if self.begin_tls:
            self.begin_tls = False
            await self.wire.start_tls(self.tls_context)

    def _find(self, raw: RawCommand) -> Command:
        name = raw.name
        if name == b"UID":
            raw.cursor.sp()
            name = b"UID " + raw.cursor.word()
        command = self.vocabulary.commands.get(name)
        if command is None:
            raise bad("There is no such command")
        if self.state not in command.states:
            raise bad(f"{name.decode()} is not possible when {self.state.value}")
        return command

    def _end(self, tag: bytes, status: Status) -> None:
        self.wire.write(status.line(tag))
        if status.kind != b"BAD":
            self.bad_commands = 0
            return
        self.bad_commands += 1
        most = self.limits.bad_commands
        if self.state is State.NOT_AUTHENTICATED:
            most = self.limits.unauthenticated_bad_commands
        if self.bad_commands >= most:
            self.bye("Too many bad commands")

    @property
    def over(self) -> bool:
        """Whether the session has ended."""
        return self.state is State.LOGOUT

    # --- for the commands -----------------------------------------------------------------------------------------

    def bye(self, text: str) -> None:
        """End the session."""
        if self.state is not State.LOGOUT:
            self.wire.write(b"* BYE %b\r\n" % text.encode("ascii"))
            self.state = State.LOGOUT

    def capabilities(self) -> bytes:
        """Return the words of CAPABILITY as they hold now."""
        words = [b"IMAP4rev1"]
        for extension in self.vocabulary.extensions:
            words += extension.capabilities(self)
        return b" ".join(words)

    def turn_condstore_on(self) -> None:
        """The client has shown that it knows mod-sequences: from now on every change comes with one (RFC 7162 3.1)."""
        self.condstore = True
        if self.view is not None and self.view.model.state.highestmodseq:
            self.view.condstore = True

    def untagged(self, data: bytes) -> None:
        """Write one untagged response."""
        self.wire.write(b"* %b\r\n" % data)

    async def enter(self, identity: Identity) -> None:
        """Let a user in."""
        self.account = await self.store.open(identity.account)
        self.client.identity = identity
        self.state = State.AUTHENTICATED
        self.reader.authenticated = True

    def mailboxes(self) -> IAccount:
        """Return the user's account."""
        assert self.account is not None, "only authenticated users come here"
        return self.account

    def selected(self) -> View:
        """Return the view of the selected mailbox."""
        assert self.view is not None, "only selected mailboxes come here"
        return self.view

    def writable(self) -> View:
        """
        Return the same.

        @raise Status: it was opened by EXAMINE.
        """
        view = self.selected()
        if view.read_only:
            raise no("The mailbox was opened read-only", b"CANNOT")
        return view

    async def select(self, name: str, read_only: bool) -> View:
        """Open a mailbox, in place of the one that is."""
        self.unselect()
        mailbox = await self.mailboxes().mailbox(name)
        model = await self.models.open(mailbox)
        recent = model.state.recent
        if not read_only and IRecent.providedBy(mailbox):
            recent = await mailbox.claim_recent()
        self.view = View(model, read_only, recent, self.condstore and bool(model.state.highestmodseq))
        self.state = State.SELECTED
        return self.view

    def unselect(self) -> None:
        """Close the selected mailbox, and remove nothing."""
        if self.view is not None:
            self.view.close()
            self.models.release(self.view.model)
            self.view = None
        if self.state is State.SELECTED:
            self.state = State.AUTHENTICATED

    async def tell(self, expunges: bool, uids: bool = False) -> None:
        """Tell the client what happened to its mailbox."""
        view = self.view
        if view is None or not view.noticed:
            return
        if view.model.deleted:
            self.unselect()
            self.bye("The selected mailbox was deleted")
            return
        before = view.count
        self.wire.write(view.news(expunges, uids))
        if view.count != before and not view.read_only and IRecent.providedBy(view.model.mailbox):
            await view.model.mailbox.claim_recent()

    def watch(self, watching: bool) -> None:
        """Wake the connection when the selected mailbox changes, or do not any more."""
        if self.view is not None:
            self.view.on_notice = self.wire.wake if watching else None

    # --- a sink for fetching --------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Give octets to the client, soon."""
        self.wire.write(data)

    async def drained(self) -> None:
        """Wait until the client has read most of what was written, and let others have their turn."""
        await self.wire.drained(self.limits.drain_seconds)
        await self.wire.pause()


def no_arguments(cursor: Cursor, vocabulary: Vocabulary) -> None:
    """The parser of commands without arguments."""
    cursor.end()
