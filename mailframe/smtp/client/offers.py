"""What a server offers: the keywords of its reply to EHLO or LHLO (RFC 5321 4.1.1.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from attrs import frozen

from mailframe.smtp.client.replies import PeerReply

_KEYWORD = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:[ =](.*))?")
# Old servers write AUTH=LOGIN; no other keyword is followed by anything but a blank.


@frozen
class Offers:
    """
    @ivar name: what the server calls itself.
    @ivar keywords: keywords in capitals, with their parameters.
    """

    name: str = ""
    keywords: Mapping[str, str] = {}

    @classmethod
    def of(cls, reply: PeerReply) -> Offers:
        """Read the reply to EHLO; lines that make no sense offer nothing."""
        found = [_KEYWORD.fullmatch(line) for line in reply.lines[1:]]
        keywords = {match[1].upper(): (match[2] or "").strip() for match in found if match}
        return cls(reply.lines[0].partition(" ")[0].lower(), keywords)

    def __contains__(self, keyword: str) -> bool:
        return keyword in self.keywords

    @property
    def size(self) -> int:
        """Octets of the biggest message it takes (RFC 1870); 0 when it does not say."""
        text = self.keywords.get("SIZE", "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0

    @property
    def mechanisms(self) -> frozenset[str]:
        """SASL mechanisms, in capitals."""
        return frozenset(self.keywords.get("AUTH", "").upper().split())
