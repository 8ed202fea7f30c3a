"""The shape of an IMAP extension, and the closed set of tables that extensions fill."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from attrs import frozen

from mailframe.imap.fetch_items import FETCH_ITEMS, ItemParser
from mailframe.imap.grammar import Cursor
from mailframe.imap.search_keys import SEARCH_KEYS, KeyParser
from mailframe.interfaces import MailboxState

if TYPE_CHECKING:
    from mailframe.imap.responses import Status
    from mailframe.imap.session import Session

V = TypeVar("V")


class State(enum.Enum):
    """RFC 3501 section 3."""

    NOT_AUTHENTICATED = "not authenticated"
    AUTHENTICATED = "authenticated"
    SELECTED = "selected"
    LOGOUT = "logout"


ANY = frozenset({State.NOT_AUTHENTICATED, State.AUTHENTICATED, State.SELECTED})
NOT_AUTHENTICATED = frozenset({State.NOT_AUTHENTICATED})
AUTHENTICATED = frozenset({State.AUTHENTICATED, State.SELECTED})
SELECTED = frozenset({State.SELECTED})

Run: TypeAlias = "Callable[[Session, Any], Awaitable[Status]]"
Parse: TypeAlias = "Callable[[Cursor, Vocabulary], Any]"


@frozen
class Command:
    """
    A command.

    @ivar name: in capitals; those of the UID command are called C{UID FETCH} and so on.
    @ivar parse: reads the arguments from behind the name to the end of the command.
    @ivar run: does it; the status that it returns or raises ends it.
    @ivar keeps_numbers: messages must not be told expunged in its answer (RFC 3501 7.4.1).
    """

    name: bytes
    states: frozenset[State]
    parse: Parse
    run: Run
    keeps_numbers: bool = False


@frozen
class Extension:
    """
    @ivar name: its keyword.
    @ivar capabilities: the words of CAPABILITY that hold for a session now.
    @ivar status_items: items of STATUS by name.
    @ivar enable: the words of ENABLE, and what turns each on.
    """

    name: bytes
    rfc: int
    capabilities: Callable[[Session], Sequence[bytes]] = lambda session: ()
    commands: tuple[Command, ...] = ()
    fetch_items: Mapping[bytes, ItemParser] = {}
    search_keys: Mapping[bytes, KeyParser] = {}
    status_items: Mapping[bytes, Callable[[MailboxState], int]] = {}
    enable: Mapping[bytes, Callable[[Session], None]] = {}


STATUS_ITEMS: Mapping[bytes, Callable[[MailboxState], int]] = {
    b"MESSAGES": lambda state: state.messages,
    b"RECENT": lambda state: max(0, min(state.messages, state.uidnext - state.recent)),
    b"UIDNEXT": lambda state: state.uidnext,
    b"UIDVALIDITY": lambda state: state.uidvalidity,
    b"UNSEEN": lambda state: state.unseen,
}
"""The items of RFC 3501 section 6.3.10."""


@frozen
class Vocabulary:
    """All that a server understands."""

    extensions: tuple[Extension, ...]
    commands: Mapping[bytes, Command]
    fetch_items: Mapping[bytes, ItemParser]
    search_keys: Mapping[bytes, KeyParser]
    status_items: Mapping[bytes, Callable[[MailboxState], int]]
    enable: Mapping[bytes, Callable[[Session], None]]

    @classmethod
    def of(cls, commands: Sequence[Command], extensions: Sequence[Extension]) -> Vocabulary:
        """
        Put tables together.

        @raise ValueError: two of them claim one name.
        """
        all_commands = [*commands, *(command for extension in extensions for command in extension.commands)]
        return cls(
            tuple(extensions),
            _joined([{command.name: command} for command in all_commands]),
            _joined([FETCH_ITEMS, *(extension.fetch_items for extension in extensions)]),
            _joined([SEARCH_KEYS, *(extension.search_keys for extension in extensions)]),
            _joined([STATUS_ITEMS, *(extension.status_items for extension in extensions)]),
            _joined([extension.enable for extension in extensions]),
        )


def _joined(tables: Sequence[Mapping[bytes, V]]) -> dict[bytes, V]:
    result: dict[bytes, V] = {}
    for table in tables:
        for name, value in table.items():
            if name in result:
                raise ValueError(f"two extensions claim {name.decode()}")
            result[name] = value
    return result
