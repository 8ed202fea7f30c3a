"""Finding out which servers the mail of a destination goes to, before anything of it is sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from mailframe.address import Address
from mailframe.delivery.routes import Routes
from mailframe.interfaces import IKnowsServers
from mailframe.queue.windows import Windows
from mailframe.site import Site

_log = Logger()


@define(eq=False)
class Placing:
    """
    @ivar placed: called with each destination whose servers are known then.
    """

    routes: Routes
    site: Site
    windows: Windows
    placed: Callable[[str], None]
    _under_way: dict[str, Deferred[None]] = field(factory=dict, init=False)

    def __len__(self) -> int:
        """How many are asked for now."""
        return len(self._under_way)

    def begin(self, address: Address) -> None:
        """Find out about the domain of an address, unless it is known, or nobody wants to know."""
        destination = address.domain
        if self.windows.is_placed(destination) or destination in self._under_way:
            return
        placing = Deferred.fromCoroutine(self._place(address))
        if not placing.called:
            self._under_way[destination] = placing

    async def _place(self, address: Address) -> None:
        servers = await self._servers(address)
        self._under_way.pop(address.domain, None)
        self.windows.place(address.domain, servers, self.site.clock.seconds())
        self.placed(address.domain)

    async def _servers(self, address: Address) -> Sequence[str]:
        """Return none where nobody can tell: the delivery itself will say why."""
        try:
            target: Any = self.routes.find(address)
            return await target.servers(self.site, address.domain) if IKnowsServers.providedBy(target) else ()
        except CancelledError:
            return ()
        except Exception:
            _log.failure("the servers of {domain} cannot be found out", domain=address.domain)
            return ()

    def end(self) -> None:
        """Ask no more."""
        for placing in list(self._under_way.values()):
            placing.cancel()
