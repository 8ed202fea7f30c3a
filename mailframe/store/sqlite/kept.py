"""What all mailboxes of one store share."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define, field

from mailframe.bodies import Files
from mailframe.site import Site
from mailframe.sqlite.database import Database
from mailframe.store.sqlite.flagging import FlagsStored
from mailframe.store.watching import Watchers


@define(eq=False)
class Kept:
    """
    The database, the files beside it, and who looks at what.

    @ivar just_stored: the last change of flags that was made here, so that nobody needs to read what was just written.
    """

    database: Database
    files: Files
    site: Site
    watchers: Watchers = field(factory=Watchers)
    just_stored: FlagsStored = field(default=FlagsStored(0), init=False)

    async def drop(self, files: Sequence[str]) -> None:
        """Remove files of messages that are gone."""
        if files:
            await self.site.in_thread(self.files.drop, files)
