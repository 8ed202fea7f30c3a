"""A message on its way: in memory while it is small, in a file beside its header once it is not."""

from __future__ import annotations

import contextlib
import mmap
import os
import re
from collections.abc import Iterator
from functools import cached_property
from typing import TypeAlias

from attrs import define, field, frozen

from mailframe.message import headers, words
from mailframe.message.digest import Digest, digest
from mailframe.message.limits import DEFAULT

SMALL = 256 * 1024
"""Octets up to which a message is kept in memory; longer ones go to a file as they arrive."""

CHUNK = 256 * 1024
"""Octets read from a file at a time."""

Buffer: TypeAlias = "bytes | mmap.mmap"

_FIELD_NAME = re.compile(r"[!-9;-~]{1,76}")


@frozen
class FileBody:
    """
    The body of a big message: a file of exactly these octets.

    @ivar size: in octets.
    """

    path: str
    size: int


@define(slots=False, eq=False)
class Message:
    """
    A whole message: C{head} is the header with its empty line, C{body} everything behind it.

    Never changed in place: L{with_fields} gives another one that shares the body.

    @ivar head: octets up to and with the empty line.
    @ivar body: the rest, as octets or as the file that holds them.
    """

    head: bytes
    body: bytes | FileBody

    @classmethod
    def from_bytes(cls, data: bytes) -> Message:
        """Make a message of its octets."""
        return cls(*headers.split(data))

    @property
    def size(self) -> int:
        """Octets of the whole message."""
        return len(self.head) + (self.body.size if isinstance(self.body, FileBody) else len(self.body))

    def with_fields(self, fields: bytes) -> Message:
        """
        Return this message with header fields put in front.

        @param fields: whole fields with their CRLF, made by L{mailframe.message.trace} or L{header_field}.
        """
        return Message(fields + self.head, self.body)

    def chunks(self, size: int = CHUNK) -> Iterator[bytes]:
        """Yield the octets, in pieces of at most C{size} once past the header."""
        yield self.head
        if isinstance(self.body, bytes):
            yield self.body
            return
        with open(self.body.path, "rb") as file:
            while piece := file.read(size):
                yield piece

    def __bytes__(self) -> bytes:
        """The whole message in memory: for small ones."""
        return b"".join(self.chunks())

    @contextlib.contextmanager
    def mapped(self) -> Iterator[Buffer]:
        """Lend the body as a buffer that is not copied into memory, for scanning."""
        if isinstance(self.body, bytes):
            yield self.body
        elif self.body.size == 0:  # an empty file cannot be mapped
            yield b""
        else:
            with open(self.body.path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
                yield view

    def digest(self) -> Digest:
        """Compute what a store keeps beside the message; for a body in a file this reads all of it."""
        if isinstance(self.body, bytes):
            return digest(self.head, self.body)
        with self.mapped() as body:
            return digest(self.head, body)

    @cached_property
    def fields(self) -> list[headers.Field]:
        """The header fields, in their order."""
        return headers.fields(self.head)

    def header(self, name: str) -> str | None:
        """Return the decoded value of the first field of that name, or C{None}."""
        value = headers.first(self.fields, name.encode("ascii", "replace"))
        return None if value is None else words.decode(value)

    @property
    def subject(self) -> str:
        """The decoded Subject; empty when there is none."""
        return self.header("Subject") or ""

    def discard(self) -> None:
        """Remove the spool file, if there is one: whoever wanted the message has its own copy or link."""
        if isinstance(self.body, FileBody):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.body.path)


def header_field(name: str, value: str) -> bytes:
    """
    Make one header field, encoded (RFC 2047) where it must be and safe against injected lines.

    @raise ValueError: C{name} is no field name (RFC 5322 2.2).
    """
    if not _FIELD_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no header field name")
    return b"%b: %b\r\n" % (name.encode("ascii"), words.encode(" ".join(value.split())))


@define(eq=False)
class SpoolWriter:
    """Takes a message chunk by chunk; ends with L{finish} or L{abort}."""

    _spool: Spool
    _spill_at: int
    _pieces: list[bytes] = field(factory=list, init=False)
    _size: int = field(default=0, init=False)
    _head: bytes = field(default=b"", init=False)
    _path: str | None = field(default=None, init=False)
    _file: int = field(default=-1, init=False)

    @property
    def size(self) -> int:
        """Octets written so far."""
        return self._size

    def write(self, chunk: bytes) -> None:
        """
        Append octets.

        @raise OSError: the disk is full or broken; then L{abort}.
        """
        self._size += len(chunk)
        if self._file >= 0:
            _write_all(self._file, chunk)
            return
        self._pieces.append(chunk)
        if self._size > self._spill_at and self._spool.directory is not None:
            self._spill()

    def _spill(self) -> None:
        """Go on in a file, unless the header may still be coming: it is looked for again at twice the size."""
        gathered = b"".join(self._pieces)
        head, body = headers.split(gathered)
        if not body and self._size <= DEFAULT.header_bytes:
            self._pieces, self._spill_at = [gathered], min(2 * self._size, DEFAULT.header_bytes)
            return
        self._path, self._file = self._spool.new_file()
        self._head = head
        self._pieces.clear()
        _write_all(self._file, body)

    def finish(self) -> Message:
        """Return the message. It is not durable yet: that is the business of whoever stores it."""
        if self._path is None:
            return Message.from_bytes(b"".join(self._pieces))
        os.close(self._file)
        self._file = -1
        return Message(self._head, FileBody(self._path, self._size - len(self._head)))

    def abort(self) -> None:
        """Forget everything written."""
        self._pieces.clear()
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        if self._path is not None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._path)


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


@define(eq=False)
class Spool:
    """
    Where messages wait while they arrive.

    @ivar directory: for the files of big messages, on the file system of the store that will link them;
        C{None} keeps every message in memory, for tests and tiny servers.
    @ivar small: octets up to which a message stays in memory.
    """

    directory: str | None = None
    small: int = SMALL
    _count: int = field(default=0, init=False)

    def begin(self) -> SpoolWriter:
        """Start a new message."""
        return SpoolWriter(self, self.small)

    def new_file(self) -> tuple[str, int]:
        """Create a file and return its path and its open descriptor."""
        assert self.directory is not None, "a spool without a directory has no files"
        self._count += 1
        path = os.path.join(self.directory, f"{os.getpid()}-{id(self):x}-{self._count}")
        return path, os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def clear(self) -> None:
        """Remove what an earlier process left; only the one process that owns the directory may call this."""
        if self.directory is None:
            return
        os.makedirs(self.directory, 0o700, exist_ok=True)
        for entry in os.scandir(self.directory):
            os.unlink(entry.path)
