"""The control socket: the C{mailframe} command asks the running server to change its data, a JSON object a line.

A UNIX socket beside the data, for its owner alone: whoever may connect may read the data anyway. A request is
C{{"do": "user list"}}, an answer C{{"ok": [...]}} or C{{"error": "why"}}.
"""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import Factory
from twisted.logger import Logger

from mailframe.administration import Request, perform
from mailframe.errors import MailError
from mailframe.interfaces import IAccounts
from mailframe.net.conversation import Conversation
from mailframe.net.lines import LineTooLong

REQUEST_OCTETS = 64 * 1024
"""Of one request."""
REQUEST_SECONDS = 60.0
"""How long a client may take for one."""
CONNECTIONS = 20
"""At a time."""
SOCKET_MODE = 0o600

_log = Logger()


class ControlConversation(Conversation):
    """Serves one C{mailframe} command."""

    factory: Any

    async def converse(self) -> None:
        """Answer requests until the client has no more."""
        while True:
            try:
                line = await self.pull(self._line, REQUEST_SECONDS)
                answer = await self._answer(json.loads(line))
            except (LineTooLong, ValueError, RecursionError):
                answer = {"error": "not a request: one JSON object a line is"}
            self.write(json.dumps(answer).encode("ascii") + b"\r\n")

    def _line(self) -> bytes | None:
        return self.inbox.line(REQUEST_OCTETS)

    async def _answer(self, request: Any) -> dict[str, Any]:
        if not isinstance(request, dict) or not isinstance(request.get("do"), str):
            raise ValueError
        try:
            return {"ok": await self._performed(request)}
        except MailError as error:
            return {"error": str(error) or type(error).__name__}
        except Exception:
            _log.failure("control: {action!r} failed", action=request["do"])
            return {"error": "the server failed at this; its log says how"}

    async def _performed(self, request: Request) -> Any:
        result = await perform(self.factory.accounts, request)
        # Neither the password nor anything else the client wrote but the two things that say what was done.
        _log.info("control: {action!r} {address!r}", action=request["do"], address=request.get("address", ""))
        return result


class ControlFactory(Factory):
    """Serves the accounts of one server to whoever may open the socket."""

    noisy = False

    def __init__(self, accounts: IAccounts, clock: IReactorTime) -> None:
        self.accounts = accounts
        self.clock = clock
        self._open: set[ControlConversation] = set()
        self._empty: Deferred[None] | None = None

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """Serve one more, if they are not too many."""
        if len(self._open) >= CONNECTIONS:
            return None
        conversation = ControlConversation(self.clock, self._ended)
        conversation.factory = self
        self._open.add(conversation)
        return conversation

    def stop(self, seconds: float) -> Deferred[None]:
        """Let the requests under way end; cut what is left after that time."""
        self._empty = Deferred()
        late = self.clock.callLater(seconds, self._abort)
        self._empty.addCallback(lambda _: late.cancel() if late.active() else None)
        for conversation in list(self._open):
            conversation.stop()
        empty = self._empty
        self._check()
        return empty

    def _abort(self) -> None:
        for conversation in list(self._open):
            conversation.abort()

    def _ended(self, conversation: ControlConversation) -> None:
        self._open.discard(conversation)
        self._check()

    def _check(self) -> None:
        if self._empty is not None and not self._open:
            empty, self._empty = self._empty, None
            empty.callback(None)
