"""The bounds of every parser in this package: what a hostile message can cost, in one place.

Beyond a limit nothing is refused and no byte of the message is lost: the parser stops looking, and says in its
docstring what it answers instead.
"""

from __future__ import annotations

from attrs import frozen


@frozen(eq=False)  # what was parsed is remembered by its limits, and those of one server are one object
class Limits:
    """
    How far parsers look; every limit is a count or a number of octets, and at least 1.

    @ivar header_bytes: octets of one header block; what lies beyond belongs to the body.
    @ivar header_fields: lines-with-continuations of one header block that are parsed; later ones are not seen.
    @ivar mime_header_bytes: octets of all MIME part headers of a message together; parts behind are C{text/plain}.
    @ivar parts: MIME entities of a message, the message itself and embedded ones included; later ones are not listed.
    @ivar depth: levels of multiparts and embedded messages; what lies deeper is an opaque C{application/octet-stream}.
    @ivar boundary_bytes: octets of a boundary parameter (RFC 2046 5.1.1 says 70; real mail has longer ones); with a
        longer one the multipart counts as broken.
    @ivar delimiters: lines that begin like a boundary, of a whole message; no later ones are looked at.
    @ivar parameters: of one Content-Type or Content-Disposition field; later ones are dropped.
    @ivar parameter_bytes: octets of a parameter's value (joined ones too: RFC 2231); the rest is cut off.
    @ivar addresses: mailboxes of one address list, inside groups and outside; later ones are dropped.
    @ivar languages: tags of one Content-Language field; later ones are dropped.
    @ivar references: message ids of References; the oldest ones are dropped.
    @ivar encoded_words: RFC 2047 words decoded in one value; later ones stay as they are written.
    @ivar text_bytes: octets of the text parts of one message that are decoded for searching.
    """

    header_bytes: int = 256 * 1024
    header_fields: int = 1_000
    mime_header_bytes: int = 512 * 1024
    parts: int = 1_000
    depth: int = 50
    boundary_bytes: int = 200
    delimiters: int = 20_000
    parameters: int = 100
    parameter_bytes: int = 8 * 1024
    addresses: int = 2_000
    languages: int = 100
    references: int = 200
    encoded_words: int = 2_000
    text_bytes: int = 16 * 1024 * 1024


DEFAULT = Limits()
