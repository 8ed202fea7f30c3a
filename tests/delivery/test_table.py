"""Transport maps: what a file of routes says, and how its mistakes are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailframe.address import Address
from mailframe.delivery.discard import discard
from mailframe.delivery.forward import ToForward
from mailframe.delivery.refuse import ToNobody
from mailframe.delivery.relay import ToLMTP, ToMX, ToSmarthost
from mailframe.delivery.routes import Routes
from mailframe.delivery.table import read_routes
from mailframe.hooks import Delivery, Failed, Outcome, Reject
from mailframe.inline import now
from mailframe.srs import SRS

TABLE = """\
# who                 where
example.org           mx
*.example.net\t\tsmarthost  relay.example.net:2525   # ours

sales@example.org     forward ann@example.org bob@example.net
[192.0.2.1]           lmtp /run/dovecot/lmtp
noreply@example.org   discard
old@example.org       refuse 5.1.6 Ann has moved
gone@example.org      refuse
tenant.example        tenant a
a.example             mx
"""


def tenant(delivery: Delivery) -> Outcome:
    return Failed()


def test_a_file_of_routes(tmp_path: Path) -> None:
    file = tmp_path / "transport"
    file.write_text(TABLE)
    srs = SRS([b"secret"], "example.org")
    found = read_routes(file, {"tenant a": tenant}, srs)
    by_pattern = {route.pattern: route.target for route in found}
    assert list(by_pattern)[:2] == ["example.org", "*.example.net"]
    smarthost, forward, lmtp = (by_pattern[each] for each in ("*.example.net", "sales@example.org", "[192.0.2.1]"))
    assert isinstance(smarthost, ToSmarthost)
    assert smarthost.server == "relay.example.net:2525"
    assert isinstance(forward, ToForward)
    assert (forward.to, forward.srs) == ((Address("ann", "example.org"), Address("bob", "example.net")), srs)
    assert isinstance(lmtp, ToLMTP)
    assert lmtp.server == "/run/dovecot/lmtp"
    assert by_pattern["noreply@example.org"] is discard
    assert by_pattern["old@example.org"] == ToNobody("5.1.6", "Ann has moved")
    assert by_pattern["gone@example.org"] == ToNobody()
    assert by_pattern["tenant.example"] is tenant
    assert isinstance(by_pattern["a.example"], ToMX)
    assert by_pattern["a.example"] is by_pattern["example.org"]  # so that one connection serves both
    assert Routes(found).find(Address("x", "a.example"), user=False) is by_pattern["a.example"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("example.org", "'' is no target"),
        (
            "example.org relay.example.net",
            "'relay.example.net' is no target: wanted a name that was given, or one",
        ),
        ("exa_!mple.org mx", "is no pattern"),
        ("example.org mx relay", "mx wants nothing behind it"),
        ("example.org smarthost", "smarthost wants a server behind it"),
        ("example.org smarthost a:99999", "is no host"),
        ("example.org forward", "there must be an address to forward to"),
        ("example.org forward ann", "local-part@domain"),
        ("example.org refuse 4.1.1 no", "'4.1.1' is not a status code"),
    ],
)
def test_mistakes_are_told_with_their_line(tmp_path: Path, line: str, words: str) -> None:
    file = tmp_path / "transport"
    file.write_text(f"# mine\n{line}\n")
    with pytest.raises(ValueError, match="transport:2: ") as caught:
        read_routes(file)
    assert words in str(caught.value)


def test_nobody_says_so_before_the_mail_comes() -> None:
    nobody = ToNobody("5.1.6", "Ann has moved")
    assert now(nobody.check(Address("old", "example.org"))) == Reject("5.1.6", "Ann has moved")
    delivery: Delivery = None  # type: ignore[assignment]
    assert nobody(delivery) == Failed("5.1.6", "Ann has moved")
