"""A transport map: routes from a text file, such as other programs write.

A line is a pattern of L{Route} and what it leads to, with white space between; C{#} begins a comment::

    example.org           mx
    *.example.net         smarthost relay.example.net:587
    staff.example.org     lmtp /run/dovecot/lmtp
    sales@example.org     forward ann@example.org bob@example.net
    noreply@example.org   discard
    old@example.org       refuse 5.1.6 Ann has moved
    tenant.example        a-name-given-to-read_routes
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from mailframe.delivery.discard import discard
from mailframe.delivery.forward import ToForward
from mailframe.delivery.refuse import ToNobody
from mailframe.delivery.relay import ToLMTP, ToMX, ToSmarthost
from mailframe.delivery.routes import Route
from mailframe.hooks import Target
from mailframe.srs import Rewrites


def read_routes(
    file: str | os.PathLike[str], targets: Mapping[str, Target] | None = None, srs: Rewrites | None = None
) -> list[Route]:
    """
    Return the routes in a file, in its order.

    @param targets: what more names in it stand for, such as smarthosts with credentials.
    @param srs: rewrites the senders of what is forwarded.
    @raise ValueError: a line is wrong; the message tells which, and what is.
    @raise OSError: the file cannot be read.
    """
    named = dict(targets or {})
    made: dict[str, Target] = {}
    routes: list[Route] = []
    for number, line in enumerate(Path(file).read_text("utf-8").splitlines(), 1):
        pattern, _blank, way = line.partition("#")[0].strip().replace("\t", " ").partition(" ")
        if not pattern:
            continue
        way = " ".join(way.split())
        try:
            target = named.get(way) or made.get(way) or made.setdefault(way, _target(way, srs))
            routes.append(Route(pattern, target))
        except ValueError as error:
            raise ValueError(f"{os.fspath(file)}:{number}: {error}") from None
    return routes


def _target(way: str, srs: Rewrites | None) -> Target:
    word, _blank, rest = way.partition(" ")
    if word == "forward":
        return ToForward(rest.split(), srs=srs)
    if word not in _WORDS:
        raise ValueError(
            f"{word!r} is no target: wanted a name that was given, or one of {', '.join([*_WORDS, 'forward'])}"
        )
    make, needs = _WORDS[word]
    if bool(rest) is not needs and needs is not None:
        raise ValueError(f"{word} wants {'a server' if needs else 'nothing'} behind it")
    return make(rest)


def _refuse(rest: str) -> Target:
    status, _blank, text = rest.partition(" ")
    return ToNobody(*filter(None, (status, text)))


_WORDS: Mapping[str, tuple[Callable[[str], Target], bool | None]] = {
    "mx": (lambda _rest: ToMX(), False),
    "smarthost": (ToSmarthost, True),
    "lmtp": (ToLMTP, True),
    "discard": (lambda _rest: discard, False),
    "refuse": (_refuse, None),
}
"""How each target is made of what stands behind its word, and whether something must; C{None}: it may."""
