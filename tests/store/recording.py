"""A disk that remembers what was written to it and what was made durable, so that it can crash at every point.

SQLite writes through a VFS of ours; the files of bodies are linked, synced and removed through a stand-in for C{os}.
What a crash leaves is computed afterwards from the record: everything written so far, or only what was synced, or that
and some of the rest, the last write torn.
"""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any
from unittest import mock

import apsw
from attrs import define, field, frozen

from mailframe import bodies

SECTOR = 512
"""Octets that a disk writes wholly or not at all."""


@frozen
class Wrote:
    path: str
    at: int
    data: bytes


@frozen
class Truncated:
    path: str
    size: int


@frozen
class Synced:
    path: str


@frozen
class Removed:
    path: str


@frozen
class Linked:
    """A file is there under a new name; its octets may not be."""

    path: str
    data: bytes


@frozen
class Done:
    """An operation was acknowledged."""

    number: int


Event = Wrote | Truncated | Synced | Removed | Linked | Done


class Leaves(Enum):
    """What of the unsynced writes survives a crash."""

    ALL = "all of it"
    NOTHING = "nothing of it"
    SOME = "some of it, torn"


@define
class _File:
    durable: bytearray = field(factory=bytearray)
    pending: list[Event] = field(factory=list)
    named: bool = False
    """Its folder was synced since it got its name, or it is SQLite's, which sees to that."""


def _apply(data: bytearray, event: Event) -> None:
    if isinstance(event, Wrote):
        if len(data) < event.at:
            data.extend(bytes(event.at - len(data)))
        data[event.at : event.at + len(event.data)] = event.data
    elif isinstance(event, Truncated):
        del data[event.size :]
    elif isinstance(event, Linked):
        data[:] = event.data


@define
class Disk:
    """
    @ivar before: path and content of the files that were there, durably, when the record begins.
    @ivar events: in their order.
    @ivar full: writes fail from now on, as on a full disk.
    @ivar broken: syncs fail from now on.
    """

    before: dict[str, bytes] = field(factory=dict)
    events: list[Event] = field(factory=list)
    full: bool = False
    broken: bool = False

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Record what SQLite and the files of bodies do."""
        before = apsw.vfs_names()[0]
        vfs = _RecordingVFS(self, before)
        apsw.set_default_vfs(vfs.name)
        try:
            with mock.patch.object(bodies, "os", _RecordingOS(self)):
                yield
        finally:
            apsw.set_default_vfs(before)
            vfs.unregister()

    def remains(self, point: int, leaves: Leaves, chance: random.Random) -> dict[str, bytes]:
        """Return path and content of all files after a crash behind so many events."""
        files = {path: _File(bytearray(data), named=True) for path, data in self.before.items()}
        for event in self.events[:point]:
            if isinstance(event, Done):
                continue
            if isinstance(event, Removed):
                files.pop(event.path, None) if leaves is Leaves.ALL or "journal" in event.path else None
            elif isinstance(event, Synced):
                for path, file in files.items():
                    file.named |= os.path.dirname(path) == event.path
                if event.path in files:
                    _sync(files[event.path])
            else:
                file = files.setdefault(event.path, _File(named=not isinstance(event, Linked)))
                file.pending.append(event)
        kept = {}
        for path, file in files.items():
            if leaves is Leaves.ALL:
                _sync(file)
            elif leaves is Leaves.SOME:
                _tear(file, chance)
            if file.named or leaves is Leaves.ALL:
                kept[path] = bytes(file.durable)
        return kept


def _sync(file: _File) -> None:
    for event in file.pending:
        _apply(file.durable, event)
    file.pending = []


def _tear(file: _File, chance: random.Random) -> None:
    lucky = [event for event in file.pending if chance.random() < 0.5]
    for event in lucky[:-1]:
        _apply(file.durable, event)
    if lucky and isinstance(lucky[-1], Wrote):
        sectors = chance.randrange(len(lucky[-1].data) // SECTOR + 1)
        _apply(file.durable, Wrote(lucky[-1].path, lucky[-1].at, lucky[-1].data[: sectors * SECTOR]))


class _RecordingFile(apsw.VFSFile):
    def __init__(self, disk: Disk, below: str, name: Any, flags: list[int]) -> None:
        super().__init__(below, name, flags)  # type: ignore[arg-type]  # it may be an URIFilename, as documented
        self.disk = disk
        self.path = name.filename() if isinstance(name, apsw.URIFilename) else name

    def xWrite(self, data: bytes, offset: int) -> None:
        if self.disk.full:
            raise apsw.FullError("the disk is full")
        super().xWrite(data, offset)
        self.disk.events.append(Wrote(self.path, offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:
        super().xTruncate(newsize)
        self.disk.events.append(Truncated(self.path, newsize))

    def xSync(self, flags: int) -> None:
        if self.disk.broken:
            raise apsw.IOError("the disk is broken")
        super().xSync(flags)
        self.disk.events.append(Synced(self.path))


class _RecordingVFS(apsw.VFS):
    name = "recording"

    def __init__(self, disk: Disk, below: str) -> None:
        super().__init__(self.name, below)
        self.disk = disk
        self.below = below

    def xOpen(self, name: Any, flags: list[int]) -> _RecordingFile:
        return _RecordingFile(self.disk, self.below, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        super().xDelete(filename, syncdir)
        self.disk.events.append(Removed(filename))


class _RecordingOS:
    """C{os}, as the files of bodies use it."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def link(self, source: str, path: str) -> None:
        if self.disk.full:
            raise OSError("the disk is full")
        os.link(source, path)
        self.disk.events.append(Linked(path, Path(path).read_bytes()))

    def fsync(self, descriptor: int) -> None:
        if self.disk.broken:
            raise OSError("the disk is broken")
        os.fsync(descriptor)
        self.disk.events.append(Synced(os.readlink(f"/proc/self/fd/{descriptor}")))

    def unlink(self, path: str) -> None:
        os.unlink(path)
        self.disk.events.append(Removed(path))
