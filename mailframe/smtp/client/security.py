"""What TLS with a server must give, and what is done when it does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import frozen
from cryptography import x509


class TLSRefused(Exception):
    """The server's certificates are not what was demanded; the text says why."""


def _any(_chain: Sequence[x509.Certificate], _now: float) -> None:
    """Take any certificate."""


def _nobody(_result: str, _text: str) -> None:
    """Tell nobody."""


@frozen
class Security:
    """
    @ivar wanted: TLS is used if it is offered.
    @ivar required: nothing is sent without it.
    @ivar check: judges the server's certificates, its own first; raises L{TLSRefused}.
    @ivar failed: is told of a failure, by the result type of RFC 8460 4.3 and in words.
    """

    wanted: bool = True
    required: bool = False
    check: Callable[[Sequence[x509.Certificate], float], None] = _any
    failed: Callable[[str, str], None] = _nobody


NONE = Security(wanted=False)
MAY = Security()
"""Opportunistic (RFC 7435): better than nothing against those who only listen."""
ENCRYPT = Security(required=True)
