"""Messages on their way: small ones in memory, big ones in files, and nothing left behind."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailframe.spool import FileBody, Message, Spool, SpoolWriter, header_field

HEAD = b"From: a@example.org\r\nSubject: hello\r\n\r\n"
SMALL = 1000


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(str(tmp_path), small=SMALL)


def written(writer: SpoolWriter, *chunks: bytes) -> Message:
    for chunk in chunks:
        writer.write(chunk)
    return writer.finish()


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[i : i + size] for i in range(0, len(data), size))


# --- messages as octets -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "head", "body"),
    [
        (b"", b"", b""),
        (b"A: b\r\n\r\nbody\r\n", b"A: b\r\n\r\n", b"body\r\n"),
        (b"A: b\r\n\r\n", b"A: b\r\n\r\n", b""),
        (b"A: b\r\n", b"A: b\r\n", b""),
        (b"\r\nbody", b"\r\n", b"body"),
        (b"A: b\n\nbody", b"A: b\n\n", b"body"),
    ],
)
def test_a_message_is_a_header_and_a_body(data: bytes, head: bytes, body: bytes) -> None:
    message = Message.from_bytes(data)
    assert (message.head, message.body) == (head, body)
    assert bytes(message) == data
    assert message.size == len(data)


def test_fields_are_put_in_front_of_another_message_with_the_same_body() -> None:
    message = Message.from_bytes(HEAD + b"body")
    assert message.subject == "hello"  # computed once, and not for the other
    traced = message.with_fields(b"Received: here\r\nSubject: first\r\n")
    assert bytes(traced) == b"Received: here\r\nSubject: first\r\n" + HEAD + b"body"
    assert traced.body is message.body
    assert traced.subject == "first"
    assert bytes(message) == HEAD + b"body"
    assert message.subject == "hello"


@pytest.mark.parametrize(
    ("raw", "decoded"),
    [
        (b"Subject: plain\r\n", "plain"),
        (b"SUBJECT:   spaced \r\n", "spaced"),
        (b"Subject: two\r\n lines\r\n", "two lines"),
        (b"Subject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\r\n", "grüße"),
        (b"Subject: first\r\nSubject: second\r\n", "first"),
        (b"Subject:\r\n", ""),
        (b"X: y\r\n", None),
        (b"", None),
    ],
)
def test_a_field_is_read_decoded(raw: bytes, decoded: str | None) -> None:
    message = Message.from_bytes(raw + b"\r\n")
    assert message.header("subject") == decoded
    assert message.subject == (decoded or "")


def test_a_field_whose_name_cannot_be_is_not_there() -> None:
    assert Message.from_bytes(HEAD).header("Größe") is None


def test_a_message_has_a_digest_wherever_its_body_is(spool: Spool) -> None:
    data = HEAD + b"x" * 5000 + b"\r\n"
    filed = written(spool.begin(), data)
    assert isinstance(filed.body, FileBody)
    assert filed.digest() == Message.from_bytes(data).digest()
    filed.discard()


# --- header fields --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [
        ("X-Spam", "no", b"X-Spam: no\r\n"),
        ("X", "", b"X: \r\n"),
        ("X", "a\r\nBcc: evil@example.org", b"X: a Bcc: evil@example.org\r\n"),
        ("X", "a\nb\rc\x0bd\x0ce\x85f\u2028g", b"X: a b c d e f g\r\n"),
        ("X", " a  b\t", b"X: a b\r\n"),
    ],
)
def test_a_value_cannot_begin_another_field(name: str, value: str, field: bytes) -> None:
    assert header_field(name, value) == field


def test_a_value_beyond_ascii_is_encoded_and_read_back() -> None:
    made = header_field("Subject", "Größe 大小")
    assert made.isascii()
    assert Message.from_bytes(made + b"\r\n").subject == "Größe 大小"


@pytest.mark.parametrize("name", ["", "A:", "A b", "A\r\nB", "A\n", "Größe", "x" * 77])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is no header field name"):
        header_field(name, "x")


@given(st.text(max_size=300))
def test_whatever_the_value_it_is_one_field(value: str) -> None:
    made = header_field("X-Any", value)
    assert made.endswith(b"\r\n")
    message = Message.from_bytes(made + b"Subject: untouched\r\n\r\nbody")
    assert [field.name for field in message.fields] == [b"X-Any", b"Subject"]
    assert b"\0" not in made
    assert message.body == b"body"
    lines = made[:-2].split(b"\r\n")
    assert all(line.startswith((b" ", b"\t")) for line in lines[1:])
    assert not any(b"\r" in line or b"\n" in line for line in lines)


# --- the spool ------------------------------------------------------------------------------------------------------


def test_a_small_message_touches_no_disk(spool: Spool, tmp_path: Path) -> None:
    data = HEAD + b"x" * (SMALL - len(HEAD))
    message = written(spool.begin(), *pieces(data, 7))
    assert bytes(message) == data
    assert message.body == b"x" * (SMALL - len(HEAD))
    assert list(tmp_path.iterdir()) == []
    message.discard()


@pytest.mark.parametrize("size", [1, 2, 7, len(HEAD) - 1, len(HEAD), len(HEAD) + 1, SMALL, SMALL + 1, 100_000])
def test_a_big_message_is_a_file_however_it_is_cut(spool: Spool, tmp_path: Path, size: int) -> None:
    data = HEAD + bytes(range(256)) * 20
    writer = spool.begin()
    message = written(writer, *pieces(data, size))
    assert writer.size == len(data)
    assert message.head == HEAD
    assert isinstance(message.body, FileBody)
    assert message.body.size == len(data) - len(HEAD)
    assert Path(message.body.path).read_bytes() == data[len(HEAD) :]
    assert bytes(message) == data
    assert message.size == len(data)
    message.discard()
    message.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_nobody_elses_to_read(spool: Spool) -> None:
    message = written(spool.begin(), HEAD, b"x" * 2000)
    assert isinstance(message.body, FileBody)
    assert stat.S_IMODE(os.stat(message.body.path).st_mode) == 0o600


def test_a_header_of_more_than_the_small_size_is_kept_whole(spool: Spool) -> None:
    head = b"X: " + b"y" * SMALL * 3 + b"\r\nSubject: late\r\n\r\n"
    body = b"body\r\n" * 1000
    for size in (SMALL, SMALL + 1, 10, len(head), len(head) - 1, len(head) - 2, len(head) - 3):
        message = written(spool.begin(), *pieces(head + body, size))
        assert message.head == head, size
        assert bytes(message) == head + body
        assert isinstance(message.body, FileBody)
        assert message.subject == "late"


def test_a_header_without_end_does_not_fill_the_memory(spool: Spool) -> None:
    data = b"X: y\r\n" * 500_000
    writer = spool.begin()
    message = written(writer, *pieces(data, 65_536))
    assert bytes(message) == data
    assert isinstance(message.body, FileBody)
    assert len(message.head) < len(data)


def test_big_messages_without_a_directory_stay_in_memory() -> None:
    message = written(Spool(None, small=10).begin(), HEAD, b"x" * 5000)
    assert message.body == b"x" * 5000
    Spool(None).clear()


def test_pieces_of_a_big_message_are_bounded(spool: Spool) -> None:
    message = written(spool.begin(), HEAD, b"x" * 5000)
    assert [len(piece) for piece in message.chunks(2000)] == [len(HEAD), 2000, 2000, 1000]


@pytest.mark.parametrize("body", [b"", b"x" * 100, b"x" * 5000])
def test_a_body_is_lent_as_a_buffer(spool: Spool, body: bytes) -> None:
    message = written(spool.begin(), HEAD, body)
    with message.mapped() as buffer:
        assert buffer[:] == body


def test_an_empty_body_in_a_file_is_lent_too(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.touch()
    message = Message(HEAD, FileBody(str(path), 0))
    with message.mapped() as buffer:
        assert buffer[:] == b""
    assert message.digest() == Message.from_bytes(HEAD).digest()


@pytest.mark.parametrize("octets", [0, 10, 5000])
def test_an_aborted_message_leaves_nothing(spool: Spool, tmp_path: Path, octets: int) -> None:
    writer = spool.begin()
    writer.write(HEAD + b"x" * octets)
    descriptors = os.listdir("/proc/self/fd")
    writer.abort()
    writer.abort()
    assert list(tmp_path.iterdir()) == []
    assert len(os.listdir("/proc/self/fd")) == len(descriptors) - (octets > SMALL)


def test_many_messages_arrive_at_once(spool: Spool) -> None:
    writers = [spool.begin() for _ in range(20)]
    for turn in range(10):
        for number, writer in enumerate(writers):
            writer.write(HEAD if turn == 0 else bytes([65 + number]) * 500)
    bodies = [b"".join(list(writer.finish().chunks())[1:]) for writer in writers]
    assert bodies == [bytes([65 + number]) * 4500 for number in range(20)]


def test_a_disk_that_cannot_take_it_raises_and_abort_cleans_up(
    spool: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = 3000

    def write(descriptor: int, data: memoryview) -> int:
        nonlocal room
        if not room:
            raise OSError(28, "No space left on device")
        count = min(room, len(data), 700)  # the system may take less than it is given
        room -= count
        return write_really(descriptor, data[:count])

    write_really = os.write
    monkeypatch.setattr(os, "write", write)
    fits = written(spool.begin(), HEAD, b"x" * 2500)
    assert len(bytes(fits)) == len(HEAD) + 2500
    fits.discard()
    writer = spool.begin()
    with pytest.raises(OSError, match="No space"):
        writer.write(HEAD + b"x" * 5000)
    writer.abort()
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_is_not_there_raises_and_abort_is_harmless(tmp_path: Path) -> None:
    writer = Spool(str(tmp_path / "gone"), small=10).begin()
    with pytest.raises(FileNotFoundError):
        writer.write(HEAD + b"x" * 20)
    writer.abort()


def test_a_message_whose_file_has_gone_raises_when_it_is_read(spool: Spool) -> None:
    message = written(spool.begin(), HEAD, b"x" * 5000)
    message.discard()
    with pytest.raises(FileNotFoundError):
        bytes(message)


def test_what_an_earlier_process_left_is_cleared_away(tmp_path: Path) -> None:
    directory = tmp_path / "deep" / "spool"
    Spool(str(directory)).clear()
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    (directory / "123-left").write_bytes(b"half a message")
    Spool(str(directory)).clear()
    assert list(directory.iterdir()) == []


def test_a_file_with_the_name_of_an_older_one_is_not_overwritten(spool: Spool, tmp_path: Path) -> None:
    path, descriptor = spool.new_file()
    os.close(descriptor)
    spool._count -= 1
    with pytest.raises(FileExistsError):
        spool.new_file()
    assert os.path.exists(path)
