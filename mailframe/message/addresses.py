"""Address lists: mailboxes, groups, routes and comments (RFC 5322 3.4 and 4.4, RFC 6532), for ENVELOPE and sorting.

Octets are returned as they stand: unquoted (RFC 9051 7.5.2), display names still encoded (RFC 2047). Nobody's mail is
refused for a bad address: whatever stands between two commas becomes a mailbox, empty where something is missing.
"""

from __future__ import annotations

import re
from typing import TypeAlias

from attrs import define, field, frozen

from mailframe.message import comments
from mailframe.message.limits import DEFAULT, Limits


@frozen
class Mailbox:
    """
    One mailbox.

    @ivar name: the display name, or else the comment behind the address; unquoted; C{None} when there is none.
    @ivar route: the source route of RFC 822 times, C{@a,@b}, or C{None}.
    @ivar local: unquoted; empty when missing.
    @ivar domain: empty when missing.
    """

    name: bytes | None
    route: bytes | None
    local: bytes
    domain: bytes


@frozen
class Group:
    """A named group, C{undisclosed-recipients:;} for one."""

    name: bytes
    members: tuple[Mailbox, ...]


Address: TypeAlias = "Mailbox | Group"

# An element of the plain sort that nearly all are: a@b, Name <a@b>, "Name" <a@b>; the loop over tokens gives the same.
_ATEXT = rb"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\x80-\xff]"
_PHRASE = rb"(?:%b|\.)++(?:[ \t]++(?:%b|\.)++)*+" % (_ATEXT, _ATEXT)
_ADDR_SPEC = rb"(%b++(?:\.%b++)*+)@(%b++(?:\.%b++)*+)" % ((_ATEXT,) * 4)
_PLAIN = re.compile(
    rb'[ \t]*+(?:(?:"([^"\\\r\n]++)"|(%b))?[ \t]*+<%b>|%b)[ \t]*+(,|\Z)' % (_PHRASE, _ADDR_SPEC, _ADDR_SPEC)
)
_BLANK = rb"[ \t\r\n\0]++"
_DOMAIN_LITERAL = rb"\[(?:[^\]\\]++|\\.)*+\]?"
_WORD = rb'[^ \t\r\n\0"\[\]()<>@,;:\\]++'  # atoms with their dots
_TOKEN = re.compile(
    rb"%b|%b|%b|[()<>@,;:\]]|\\.?|%b" % (_BLANK, comments.QUOTED_STRING, _DOMAIN_LITERAL, _WORD), re.DOTALL
)
_QUOTED_PAIR = re.compile(rb"\\(.?)", re.DOTALL)
_BLANKS = b" \t\r\n\0"


def parse(value: bytes, limits: Limits = DEFAULT) -> list[Address]:
    """Return the addresses of an unfolded field, at most C{limits.addresses} mailboxes and groups."""
    found: list[Address] = []
    position = 0
    while position < len(value) and len(found) < limits.addresses:
        plain = _PLAIN.match(value, position)
        if plain is None:
            break
        found.append(_plain(plain))
        position = plain.end()
    if position < len(value) and len(found) < limits.addresses:
        found += _List(value, position, limits.addresses - len(found)).read()
    return found


def _plain(match: re.Match[bytes]) -> Mailbox:
    name = match[1].strip() if match[1] else b" ".join(match[2].split()) if match[2] else None
    return Mailbox(name or None, None, match[3] or match[5], match[4] or match[6])


@define
class _Phrase:
    """What was read since the last separator: words, and whether a blank stood before each."""

    words: list[bytes] = field(factory=list)
    spaced: list[bool] = field(factory=list)

    def add(self, word: bytes, spaced: bool) -> None:
        self.words.append(word)
        self.spaced.append(spaced)

    def joined(self, start: int = 0, end: int | None = None) -> bytes:
        """The words with one blank where white space was, as a display name."""
        pairs = zip(self.words[start:end], self.spaced[start:end], strict=True)
        return b"".join([b" " + word if spaced else word for word, spaced in pairs]).strip()

    def local(self) -> tuple[bytes | None, bytes]:
        """Split C{Some Name local . part} in what stands before the local part, and the local part."""
        start = len(self.words)
        while start > 0:
            start -= 1
            dotted = start and self.words[start - 1].endswith(b".")  # RFC 5322 4.4 allows blanks around dots
            if self.spaced[start] and not dotted and not self.words[start].startswith(b"."):
                break
        return self.joined(0, start) or None, b"".join(self.words[start:])


@define
class _List:
    """Reads an address list token by token."""

    value: bytes
    position: int
    left: int
    found: list[Address] = field(factory=list)
    group: bytes | None = None
    members: list[Mailbox] = field(factory=list)
    phrase: _Phrase = field(factory=_Phrase)
    spaced: bool = False
    comment: bytes | None = None
    at: _Phrase | None = None
    angle: Mailbox | None = None

    def read(self) -> list[Address]:
        while self.left > 0 and (token := self.token()):
            if token == b",":
                self.finish()
            elif token == b";":
                self.finish()
                self.close()
            elif token == b":":
                self.open()
            elif token == b"<":
                self.read_angle()
            elif token == b"@" and self.at is None:
                self.at, self.phrase = self.phrase, _Phrase()
            elif token != b">":
                self.phrase.add(_unquoted(token), self.spaced)
        if self.left > 0:
            self.finish()
        self.close()
        return self.found

    def token(self) -> bytes:
        """Return the next token that is neither white space nor a comment; empty at the end."""
        self.spaced = False
        while match := _TOKEN.match(self.value, self.position):
            self.position = match.end()
            token = match[0]
            if token == b"(":
                self.read_comment()
            elif token[0] not in _BLANKS:
                return token
            self.spaced = True
        return b""

    def read_comment(self) -> None:
        start, depth = self.position, 1
        while depth:
            self.position, depth = comments.skip(self.value, self.position, depth)
        text = self.value[start : self.position].removesuffix(b")")
        self.comment = _QUOTED_PAIR.sub(rb"\1", text).strip(_BLANKS) or self.comment

    def open(self) -> None:
        """A colon: what was read is a group's name. Inside a group it means nothing, and is a word."""
        if self.group is not None or self.at is not None:
            self.phrase.add(b":", self.spaced)
            return
        self.group = self.phrase.joined()
        self.forget()

    def close(self) -> None:
        """A semicolon ends the group; outside of one it separates addresses, as Outlook writes them."""
        if self.group is not None:
            self.found.append(Group(self.group, tuple(self.members)))
            self.left -= 1
            self.group, self.members = None, []

    def finish(self) -> None:
        """The address read so far is complete."""
        mailbox = self.angle or self.bare()
        self.forget()
        if mailbox is None:
            return
        self.left -= 1
        if self.group is None:
            self.found.append(mailbox)
        else:
            self.members.append(mailbox)

    def forget(self) -> None:
        self.phrase, self.at, self.angle, self.comment = _Phrase(), None, None, None

    def bare(self) -> Mailbox | None:
        """C{local@domain (Name)}, or a lone word."""
        if self.at is not None:
            name, local = self.at.local()
            return Mailbox(name or self.comment, None, local, b"".join(self.phrase.words))
        if not self.phrase.words:
            return None
        name, local = self.phrase.local()
        return Mailbox(name or self.comment, None, local, b"")

    def read_angle(self) -> None:
        """C{<route:local@domain>}, behind a display name or not."""
        name = (self.at or self.phrase).joined()
        route, tokens = self.inside_angle()
        at = tokens.index(b"@") if b"@" in tokens else len(tokens)
        local, domain = map(_joined, (tokens[:at], tokens[at + 1 :]))
        self.angle = Mailbox(name or self.comment, route, local, domain)
        self.phrase, self.at = _Phrase(), None

    def inside_angle(self) -> tuple[bytes | None, list[bytes]]:
        """Return the route and the tokens behind it; a missing C{>} is made up for by the next separator or the end."""
        route: bytes | None = None
        tokens: list[bytes] = []
        while (token := self.token()) and token != b">":
            routing = route is None and tokens[:1] == [b"@"]
            if routing and token == b":":
                route, tokens = b"".join(tokens), []
            elif token in (b",", b";") and not routing:
                self.position -= 1
                break
            else:
                tokens.append(token)
        return route, tokens


def _joined(tokens: list[bytes]) -> bytes:
    return b"".join(map(_unquoted, tokens))


def _unquoted(token: bytes) -> bytes:
    if token[0] == 0x22:
        token = token[1:-1] if len(token) > 1 and token.endswith(b'"') else token[1:]
    return _QUOTED_PAIR.sub(rb"\1", token) if b"\\" in token else token
