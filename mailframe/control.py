"""The control socket: the C{mailframe} command asks the running server to change its data, a JSON object a line.

A UNIX socket beside the data, for its owner alone: whoever may connect may read the data anyway. A request is
C{{"do": "user list"}}, an answer C{{"ok": [...]}} or C{{"error": "why"}}.
"""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mailframe.administration import Administered, Request, perform
from mailframe.administration.queue import SELECTING
from mailframe.errors import MailError
from mailframe.net.conversation import Conversation
from mailframe.net.lines import LineTooLong
from mailframe.net.listening import ConnectionLimits, ConversationFactory

REQUEST_OCTETS = 64 * 1024
"""Of one request."""
REQUEST_SECONDS = 60.0
"""How long a client may take for one."""
CONNECTIONS = 20
"""At a time."""
SOCKET_MODE = 0o600

_TOLD = ("address", *SELECTING, "all", "route")
"""The arguments that are logged."""

_log = Logger()


class ControlConversation(Conversation):
    """Serves one C{mailframe} command."""

    def __init__(self, administered: Administered, clock: IReactorTime) -> None:
        super().__init__(clock)
        self.administered = administered

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
        result = await perform(self.administered, request)
        # Neither the password nor anything else the client wrote but what says what was done.
        told = {name: request[name] for name in _TOLD if request.get(name) is not None}
        _log.info("control: {action!r} {arguments!r}", action=request["do"], arguments=told)
        return result


def control_factory(administered: Administered, clock: IReactorTime) -> ConversationFactory:
    """Return what serves the data of one server to whoever may open the socket."""
    return ConversationFactory(
        clock,
        lambda host, port: ControlConversation(administered, clock),
        b'{"error": "too many commands at once"}\r\n',
        ConnectionLimits(CONNECTIONS, CONNECTIONS),
    )
