"""8bit messages for servers that take 7bit, with the standard library as the reader."""

from __future__ import annotations

import email
import email.message
import mmap
from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mailframe.message import headers, parts
from mailframe.message.limits import DEFAULT
from mailframe.message.sevenbit import EightBitHeader, Signed, Unconvertible, converted, needs_conversion
from mailframe.spool import FileBody, Message

SEEDS = [path.read_bytes() for path in sorted(Path(__file__).parent.glob("golden/*/message.eml"))]
E = b"\xc3\xa9"


def sevenbit(message: bytes, long_lines: bool = False) -> bytes:
    return b"".join(converted(*headers.split(message), long_lines))


def needs(message: bytes, long_lines: bool = False) -> bool:
    return needs_conversion(*headers.split(message), long_lines)


def leaves(message: bytes) -> list[tuple[str, object]]:
    """Return the type and the decoded octets of each leaf as the standard library sees it, inside messages too."""
    found = email.message_from_bytes(message).walk()
    return [(part.get_content_type(), part.get_payload(decode=True)) for part in found if not part.is_multipart()]


# --- whether --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "eight_bit", "long"),
    [
        (b"A: b\r\n\r\nbody\r\n", False, False),
        (b"A: b\r\n\r\n", False, False),
        (b"A: b\r\n\r\ncaf" + E, True, True),
        (b"A: \xe9\r\n\r\nbody", True, True),
        (b"\r\n" + b"x" * 998 + b"\r\n" + b"x" * 998, False, False),
        (b"\r\n" + b"x" * 999 + b"\r\n", False, True),
        (b"\r\na\r\n" + b"x" * 999, False, True),
        (b"\r\n" + b"x\r\n" * 1000 + b"x" * 1001 + b"\r\nx", False, True),
        (b"A: " + b"x" * 2000 + b"\r\n\r\nbody", False, False),
    ],
)
def test_only_what_is_not_7bit_needs_it(message: bytes, eight_bit: bool, long: bool) -> None:
    assert needs(message) is eight_bit
    assert needs(message, long_lines=True) is long


@pytest.mark.parametrize("message", [*SEEDS, b"", b"\r\nbody", b"A: b\r\n", b"A: b\r\n\r\n" + b"x" * 5000])
def test_what_is_7bit_stays_as_it_is(message: bytes) -> None:
    if not needs(message):
        assert sevenbit(message) == message


# --- how ------------------------------------------------------------------------------------------------------------


def test_a_message_without_mime_gets_it() -> None:
    assert sevenbit(b"Subject: x\r\n\r\ncaf\xc3\xa9\r\n") == (
        b"Subject: x\r\n"
        b"MIME-Version: 1.0\r\n"
        b"Content-Type: text/plain; charset=unknown-8bit\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\n"
        b"\r\n"
        b"caf=C3=A9\r\n"
    )


def test_a_long_line_alone_makes_no_other_charset() -> None:
    message = b"Subject: x\r\n\r\n" + b"x" * 1000 + b"\r\n"
    assert sevenbit(message) == message
    changed = sevenbit(message, long_lines=True)
    assert b"\r\nContent-Type: text/plain; charset=us-ascii\r\n" in changed
    assert leaves(changed) == leaves(message)


def test_the_encoding_is_replaced_and_all_else_stays() -> None:
    message = (
        b"X-First: 1\r\njunk line\r\nCONTENT-transfer-Encoding:\r\n\t8bit\r\nMime-Version: 1.0\r\n"
        b"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\nX-Last: 2\r\n\r\ncaf\xc3\xa9"
    )
    assert sevenbit(message) == (
        b"X-First: 1\r\njunk line\r\nMime-Version: 1.0\r\n"
        b"Content-Type: text/html; charset=utf-8\r\nX-Last: 2\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
        b"caf=C3=A9"
    )


def test_what_is_no_text_becomes_base64() -> None:
    message = b"MIME-Version: 1.0\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: binary\r\n\r\n\xff\0\n\r"
    assert sevenbit(message) == (
        b"MIME-Version: 1.0\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n/wAKDQ==\r\n"
    )


def test_a_binary_part_is_encoded_even_if_it_is_ascii() -> None:
    message = b"MIME-Version: 1.0\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: BINARY\r\n\r\na\nb"
    assert sevenbit(message).endswith(b"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\na=0Ab")


def multipart(*inside: bytes, kind: bytes = b"mixed", more: bytes = b"", pre: bytes = b"", post: bytes = b"") -> bytes:
    pieces = [b"MIME-Version: 1.0\r\nContent-Type: multipart/%b; boundary=b\r\n%b\r\n%b" % (kind, more, pre)]
    pieces += [b"--b\r\n%b\r\n" % each for each in inside]
    return b"".join([*pieces, b"--b--\r\n", post])


def test_only_the_parts_that_need_it_are_encoded() -> None:
    plain, text = b"Content-Type: text/plain\r\n\r\nplain  \r\n=", b"\r\n" + E
    image = b"Content-Type: image/png\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + E
    message = multipart(plain, text, image, more=b"Content-Transfer-Encoding: 8bit\r\n")
    assert sevenbit(message) == multipart(
        plain,
        b"Content-Type: text/plain; charset=unknown-8bit\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A9",
        b"Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\nw6k=\r\n",
        more=b"Content-Transfer-Encoding: 7bit\r\n",
    )


def test_a_multipart_that_says_nothing_of_an_encoding_still_does_not() -> None:
    text = b"Content-Type: text/plain\r\n"
    assert sevenbit(multipart(text + b"\r\n" + E)) == (
        multipart(text + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A9")
    )


def test_an_embedded_message_is_converted_inside() -> None:
    inner = b"Subject: inner\r\n\r\n" + E
    outer = multipart(
        b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + inner, kind=b"digest"
    )
    assert sevenbit(outer) == multipart(
        b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"
        b"Subject: inner\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=unknown-8bit\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A9",
        kind=b"digest",
    )


@pytest.mark.parametrize(
    "kind",
    [b"message/global", b"message/global-headers", b"message/global-delivery-status", b"message/delivery-status"],
)
def test_the_types_for_utf_8_are_encoded_as_a_whole(kind: bytes) -> None:
    message = multipart(
        b"Content-Type: %b\r\nContent-Transfer-Encoding: 8bit\r\n\r\nSubject: caf\xc3\xa9\r\n\r\n" % kind
    )
    assert sevenbit(message) == multipart(
        b"Content-Type: %b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nSubject: caf=C3=A9\r\n\r\n" % kind
    )


@pytest.mark.parametrize("part", [b"\r\nplain", b"\r\n" + E])
def test_preambles_and_epilogues_that_are_not_7bit_are_left_out(part: bytes) -> None:
    message = multipart(part, pre=E + b"\r\n--x\r\nmore\r\n", post=b"and more " + E)
    changed = sevenbit(message)
    assert changed.isascii()
    assert changed == sevenbit(multipart(part, pre=b"")) if E in part else multipart(part)
    assert sevenbit(multipart(part, pre=b"seen by nobody\r\n", post=b"nor this")).count(b"nobody") == 1


def test_a_boundary_line_that_is_too_long_stays() -> None:
    message = multipart(b"\r\n" + E)[:-2] + b" " * 2000
    assert sevenbit(message, long_lines=True).endswith(b"=C3=A9\r\n--b--" + b" " * 2000)


def test_an_end_that_is_missing_is_not_made_up() -> None:
    message = multipart(b"\r\n" + E).removesuffix(b"\r\n--b--\r\n")
    assert sevenbit(message).endswith(b"\r\n\r\n=C3=A9")


@pytest.mark.parametrize(
    ("encoding", "body", "encoded"),
    [
        (b"quoted-printable", b"=C3=A9 " + E + b"\r\n", b"=C3=A9 =C3=A9\r\n"),
        (b"base64", b"AAAA\r\n" + E + b"BBBB\r\n", b"AAAABBBB\r\n"),
        (b"8-bit", E, b"=C3=A9"),
        (b"utf-8", E, b"=C3=A9"),
    ],
)
def test_what_is_encoded_badly_is_mended(encoding: bytes, body: bytes, encoded: bytes) -> None:
    message = b"Content-Type: text/plain\r\nContent-Transfer-Encoding: %b\r\n\r\n%b" % (encoding, body)
    assert sevenbit(message).partition(b"\r\n\r\n")[2] == encoded


# --- what cannot be done --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        b"Subject: " + E + b"\r\n\r\nplain",
        multipart(b"Content-Description: \xe9\r\n\r\nplain"),
        multipart(b"Content-Type: message/rfc822\r\n\r\nSubject: \xe9\r\n\r\nplain"),
        multipart(b"no header " + E),
    ],
)
def test_a_header_that_is_not_ascii_cannot_be_converted(message: bytes) -> None:
    assert needs(message)
    with pytest.raises(EightBitHeader):
        converted(*headers.split(message))


def test_what_is_signed_is_not_touched() -> None:
    with pytest.raises(Signed):
        converted(*headers.split(multipart(b"\r\n" + E, kind=b"signed")))
    signed = b"Content-Type: multipart/signed; boundary=s\r\n\r\n--s\r\n\r\n%b\r\n--s--\r\n"
    with pytest.raises(Signed):
        converted(*headers.split(multipart(signed % E)))
    changed = sevenbit(multipart(signed % b"plain", b"\r\n" + E))
    assert b"--b\r\n" + signed % b"plain" in changed


@pytest.mark.parametrize(
    "message",
    [
        b"Content-Type: multipart/mixed\r\n\r\n" + E,
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + E,
        b"Content-Type: message/partial; id=x\r\n\r\n" + E,
        b"Content-Type: message/external-body\r\n\r\n" + E,
        b"Content-Type: text/plain\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\n" + E,
        multipart(*[b"\r\nx"] * DEFAULT.parts, b"\r\n" + E),
        multipart(*[b"Content-Type: message/rfc822\r\n\r\n\r\n" + E] * DEFAULT.parts),
        b"Content-Type: message/rfc822\r\n\r\n" * (DEFAULT.depth + 1) + b"\r\n" + E,
        b"".join(b"Content-Type: multipart/digest; boundary=b%d\r\n\r\n--b%d\r\n\r\n" % (n, n) for n in range(99)) + E,
        multipart(b"A: b\r\n" * (DEFAULT.header_bytes // 6 + 100) + b"\r\n" + E),
        multipart(*[b"A: %b\r\nContent-Type: message/rfc822\r\n\r\n\r\n%b" % (b"b" * 200_000, E)] * 3),
    ],
    ids=range(11),
)
def test_what_is_not_understood_is_not_touched(message: bytes) -> None:
    with pytest.raises(Unconvertible):
        converted(*headers.split(message))


# --- whatever it is -------------------------------------------------------------------------------------------------

BODY = st.lists(
    st.sampled_from([b"\r\n", b"caf\xc3\xa9", b"=", b" ", b"\t", b".", b"--", b"-" * 90, b"x" * 1200, b"\xff", b"a"]),
    max_size=8,
).map(b"".join)
LEAF: st.SearchStrategy[bytes] = st.builds(
    lambda kind, encoding, body: kind + encoding + b"\r\n" + body,
    st.sampled_from([b"", b"Content-Type: text/plain; charset=utf-8\r\n", b"Content-Type: image/png\r\n"]),
    st.sampled_from([b"", b"Content-Transfer-Encoding: 8bit\r\n", b"content-transfer-encoding:\r\n 7bit\r\n"]),
    BODY,
)


@st.composite
def entity(draw: st.DrawFn, depth: int = 0) -> bytes:
    shape = draw(st.sampled_from(["leaf", "leaf", "multipart", "message"])) if depth < 4 else "leaf"
    if shape == "leaf":
        return draw(LEAF)
    encoding = draw(st.sampled_from([b"", b"Content-Transfer-Encoding: 8bit\r\n"]))
    if shape == "message":
        return b"Content-Type: message/rfc822\r\n%b\r\n%b" % (encoding, draw(entity(depth + 1)))
    boundary = b"b%d" % depth
    inside = draw(st.lists(entity(depth + 1), min_size=1, max_size=3))
    pre, post = draw(st.tuples(*[st.sampled_from([b"", b"for nobody \xff\r\n", b"plain\r\n"])] * 2))
    lines = [b"Content-Type: multipart/mixed; boundary=%b\r\n%b\r\n%b" % (boundary, encoding, pre)]
    lines += [b"--%b\r\n%b\r\n" % (boundary, each) for each in inside]
    return b"".join([*lines, b"--%b--\r\n%b" % (boundary, post)])


@given(entity(), st.booleans())
@settings(max_examples=200)
def test_every_part_is_read_as_it_was(message: bytes, long_lines: bool) -> None:
    assume(message.startswith(b"Content-"))
    changed = sevenbit(message, long_lines)
    assert changed.isascii()
    assert leaves(changed) == leaves(message)
    assert not needs(changed, long_lines)
    assert sevenbit(changed, long_lines) == changed


def shape(message: bytes) -> object:
    def of(part: parts.Part) -> object:
        return [of(each) for each in part.parts], part.message and of(part.message)

    return of(parts.scan(*headers.split(message)))


@given(
    st.sampled_from(SEEDS), st.lists(st.tuples(st.integers(0, 3000), st.binary(max_size=3)), max_size=4), st.booleans()
)
@settings(max_examples=300)
def test_a_damaged_message_is_converted_or_refused(
    seed: bytes, cuts: list[tuple[int, bytes]], long_lines: bool
) -> None:
    message = seed
    for at, octets in cuts:
        message = message[: at % len(seed)] + octets + message[at % len(seed) :]
    try:
        changed = sevenbit(message, long_lines)
    except Unconvertible:
        assert not message.isascii() or b"binary" in message.lower() or long_lines
        return
    assert changed.isascii()
    assert shape(changed) == shape(message)


# --- in a file ------------------------------------------------------------------------------------------------------


def test_a_body_in_a_file_is_converted_piece_by_piece(tmp_path: Path) -> None:
    text = b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + b"caf\xc3\xa9 and cake\r\n" * 30_000
    image = b"Content-Type: image/png\r\n\r\n" + bytes(range(256)) * 2_000
    plain = b"Content-Type: text/plain\r\n\r\n" + b"plain\r\n" * 60_000
    whole = multipart(text, image, plain)
    head, body = headers.split(whole)
    (tmp_path / "body").write_bytes(body)
    message = Message(head, FileBody(str(tmp_path / "body"), len(body)))
    with message.mapped() as view:
        assert isinstance(view, mmap.mmap)
        assert needs_conversion(message.head, view)
        pieces = list(converted(message.head, view))
    assert pieces[0] == head
    assert max(map(len, pieces)) < 256 * 1024
    assert b"".join(pieces) == sevenbit(whole)
    assert leaves(b"".join(pieces)) == leaves(whole)


def test_a_body_in_a_file_is_looked_at_whole(tmp_path: Path) -> None:
    (tmp_path / "body").write_bytes(b"plain\r\n" * 50_000 + E)
    message = Message(b"\r\n", FileBody(str(tmp_path / "body"), 350_002))
    with message.mapped() as view:
        assert needs_conversion(message.head, view)
    (tmp_path / "body").write_bytes(b"plain\r\n" * 50_000)
    with evolve_size(message).mapped() as view:
        assert not needs_conversion(message.head, view, long_lines=True)


def evolve_size(message: Message) -> Message:
    assert isinstance(message.body, FileBody)
    return Message(message.head, evolve(message.body, size=350_000))
