"""A server is checked while it is built: what is wrong with it is said before anything listens."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock
from zope.interface import implementer

from mailframe.auth.memory import MemoryAccounts
from mailframe.config import OverTLS, Server, Service, over_tls
from mailframe.delivery.relay import ToMX
from mailframe.interfaces import IKeepsFiles, IPart
from mailframe.queue.memory import MemoryQueue
from mailframe.queue.runner import Runner
from mailframe.queue.suppressions import MemorySuppressions
from mailframe.site import Site
from mailframe.sqlite import SQLite


class Talk:
    """A service that can be listened to, in form."""

    def __init__(self, users: object = None) -> None:
        self.users = users

    def factory(self, site: Any, tls: Any = None, implicit_tls: bool = False) -> Any:
        raise AssertionError("a server that is only built makes no factories")


@implementer(IPart)
class Part:
    """A part, in form."""

    async def start(self, site: Site) -> None:
        raise AssertionError("a server that is only built starts nothing")

    async def stop(self) -> None:
        raise AssertionError("nor does it stop anything")


@implementer(IKeepsFiles)
class Files(Part):
    directory = "/var/lib/mail"


def test_a_server_is_a_value() -> None:
    build = lambda: Server("mx.example.org", listen=[("tcp:25", TALK)])  # noqa: E731
    assert build() == build()
    with pytest.raises(AttributeError):
        build().hostname = "other"  # type: ignore[misc]  # it is frozen


TALK = Talk()


@pytest.mark.parametrize(
    ("arguments", "error", "what"),
    [
        ({"hostname": "not a name"}, ValueError, "'not a name' cannot be the server's name"),
        ({"listen": ["tcp:25"]}, TypeError, "wants pairs such as"),
        ({"listen": [("tcp:25", TALK, 3)]}, TypeError, "wants pairs such as"),
        ({"listen": [(25, TALK)]}, TypeError, "wants pairs such as"),
        ({"listen": [("tcp:25", Talk)]}, TypeError, "cannot listen: wanted one of MX"),
        ({"listen": [("tcp:25", print)]}, TypeError, "cannot listen: wanted one of MX"),
        ({"listen": [("tpc:25", TALK)]}, ValueError, "'tpc:25' is no server endpoint"),
        ({"listen": [("tcp:smtp", TALK)]}, ValueError, "'tcp:smtp' is no server endpoint"),
        ({"listen": [("tcp:25:colour=red", TALK)]}, ValueError, "is no server endpoint"),
        ({"listen": [("tcp:465", OverTLS(TALK))]}, ValueError, "tcp:465: over_tls.. needs certificates="),
        ({"listen": [("tcp:25", TALK), ("tcp:25", TALK)]}, ValueError, "the same port"),
        ({"listen": [("tcp:25", TALK), ("tcp:port=25:interface=10.0.0.1", TALK)]}, ValueError, "the same port"),
        ({"listen": [("tcp:25:interface=10.0.0.1", TALK), (r"tcp:25:interface=\:\:", TALK)]}, ValueError, "same port"),
        ({"listen": [("unix:/run/lmtp", TALK), ("unix:/run/lmtp", TALK)]}, ValueError, "the same port"),
        ({"run": [TALK]}, TypeError, "run= wants parts with start.. and stop"),
        ({"run": [Part]}, TypeError, "run= wants parts with start.. and stop"),
        ({"workers": -1}, ValueError, "workers= wants 0, or how many processes serve clients, up to 64, and not -1"),
        ({"workers": 65}, ValueError, "up to 64, and not 65"),
        ({"workers": 1.5}, TypeError, "workers"),
        ({"workers": 2, "run": [SQLite("data"), Part()]}, ValueError, "workers= cannot share <.*Part object"),
    ],
)
def test_mistakes_are_refused(arguments: dict[str, Any], error: type[Exception], what: str) -> None:
    with pytest.raises(error, match=what):
        Server(**{"hostname": "mx.example.org", **arguments})


@pytest.mark.parametrize(
    "endpoints",
    [
        ["tcp:25", "tcp:465", "unix:/run/lmtp:mode=660", "systemd:domain=INET:index=0"],
        ["tcp:25:interface=10.0.0.1", "tcp:25:interface=10.0.0.2", r"tcp:25:interface=fe80\:\:1"],
        ["tcp:0", "tcp:0"],
        [r"tcp:25:interface=\:\:", "unix:/a", "unix:/b"],
    ],
)
def test_endpoints_that_do_not_clash_are_fine(endpoints: list[str]) -> None:
    Server("mx.example.org", listen=[(endpoint, TALK) for endpoint in endpoints])


def test_over_tls_wants_a_service() -> None:
    assert over_tls(TALK).service is TALK
    with pytest.raises(TypeError, match="cannot listen"):
        over_tls(Talk)  # type: ignore[arg-type]  # the mistake


def test_the_control_socket_stands_beside_the_data() -> None:
    assert Server("h", run=[Part(), Files()]).control == "/var/lib/mail/control"
    assert Server("h", run=[Part()]).control is None


def test_accounts_are_those_of_a_part_or_else_of_a_service() -> None:
    users = MemoryAccounts.of({})

    class Both(Part, MemoryAccounts):
        pass

    both = Both()
    listen: list[tuple[str, Service | OverTLS]] = [("tcp:25", Talk()), ("tcp:143", OverTLS(Talk(users)))]
    assert Server("h", certificates="/c", listen=listen).accounts is users
    assert Server("h", certificates="/c", run=[both], listen=listen).accounts is both
    assert Server("h", listen=[("tcp:25", TALK)]).accounts is None


def test_the_queue_is_that_of_the_runner_or_else_of_a_part() -> None:
    kept, data = MemoryQueue(Clock()), SQLite("/var/lib/mail")
    assert Server("h", run=[data, Runner(kept, ToMX())]).queue is kept
    assert Server("h", run=[Part(), data]).queue is data
    assert Server("h", run=[Part()]).queue is None


def test_what_has_nothing_has_nothing_to_administer() -> None:
    assert not Server("h", run=[Part()]).administered
    assert Server("h", run=[Part(), Runner(MemoryQueue(Clock()), ToMX())]).administered


def test_the_list_of_those_that_get_no_mail_is_a_runners_own_or_else_that_of_a_part() -> None:
    listed, data = MemorySuppressions(Clock()), SQLite("/var/lib/mail")
    assert Server("h", run=[data, Runner(data, ToMX(), suppressions=listed)]).suppressions is listed
    assert Server("h", run=[data, Runner(data, ToMX())]).suppressions is data
    assert Server("h", run=[Runner(MemoryQueue(Clock()), ToMX())]).suppressions is None


def test_parts_of_several_processes_are_those_that_can_be_shared() -> None:
    data = SQLite("data")
    assert Server("h", run=[data, Runner(data, ToMX())], workers=2).workers == 2


def test_another_program_has_no_workers() -> None:
    with pytest.raises(ValueError, match="workers= are for `twistd mailframe`"):
        Server("h", workers=1).service(Clock())
