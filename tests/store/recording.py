"""A disk that remembers what was written to it and what was made durable, so that it can crash at every point.

SQLite writes through a VFS of ours; directories and the files of bodies are made, linked, synced and removed through a
stand-in for C{os}. What a crash leaves is computed afterwards from the record: everything written so far, or only what
was synced, or that and some of the rest. A name is made or removed for good when its directory is synced, not before.
"""

from __future__ import annotations

import contextlib
import os
import random
import stat
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any
from unittest import mock

import apsw
from attrs import define, field, frozen

from mailframe import bodies, files

SECTOR = 512
"""Octets that a disk writes wholly or not at all."""
_JOURNALS = apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL


@frozen
class Made:
    """A file or directory has a name now; a link has all its octets, which may not be on the disk."""

    path: str
    data: bytes = b""


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
    """Of a file: its octets are durable; of a directory: the names in it are."""

    path: str


@frozen
class Removed:
    path: str


@frozen
class Done:
    """An operation of this group was acknowledged."""

    group: int


Event = Made | Wrote | Truncated | Synced | Removed | Done


class Leaves(Enum):
    """What of the unsynced changes survives a crash."""

    ALL = "all of it"
    NOTHING = "nothing of it"
    LAST = "a piece of the last write to each file"
    SOME = "any of it, in any order, torn"


@define
class _File:
    """
    What stands under one name.

    @ivar named: the directory was synced since the name was made.
    @ivar gone: the name was removed, and the directory was not synced since.
    @ivar before: what the disk has under the name as long as it is not C{named}.
    """

    durable: bytearray = field(factory=bytearray)
    pending: list[Event] = field(factory=list)
    named: bool = False
    gone: bool = False
    before: _File | None = None

    def sync(self) -> None:
        for event in self.pending:
            _apply(self.durable, event)
        self.pending = []

    def tear(self, leaves: Leaves, chance: random.Random) -> None:
        """Apply what a crash leaves of the writes that were not synced."""
        likely = 0.5 if leaves is Leaves.SOME else 0.0
        lucky = [event for event in self.pending[:-1] if chance.random() < likely] + self.pending[-1:]
        for event in lucky[:-1]:
            _apply(self.durable, event)
        if lucky and isinstance(lucky[-1], Wrote):
            sectors = chance.randrange(len(lucky[-1].data) // SECTOR + 1)
            _apply(self.durable, Wrote(lucky[-1].path, lucky[-1].at, lucky[-1].data[: sectors * SECTOR]))

    def left(self, leaves: Leaves, chance: random.Random) -> bytes | None:
        """Return what a crash leaves under the name: C{None} for no name."""
        if leaves is Leaves.ALL:
            self.sync()
            return None if self.gone else bytes(self.durable)
        lucky = leaves is Leaves.SOME and chance.random() < 0.5
        if self.gone and lucky:
            return None
        if not self.named and not lucky:
            return None if self.before is None else self.before.left(leaves, chance)
        if leaves is not Leaves.NOTHING:
            self.tear(leaves, chance)
        return bytes(self.durable)


def _apply(data: bytearray, event: Event) -> None:
    if isinstance(event, Wrote):
        if len(data) < event.at:
            data.extend(bytes(event.at - len(data)))
        data[event.at : event.at + len(event.data)] = event.data
    elif isinstance(event, Truncated):
        del data[event.size :]


@define
class Disk:
    """
    @ivar events: in their order.
    @ivar directories: that were made; the other names are files.
    @ivar full: writes fail from now on, as on a full disk.
    @ivar unwritable: writes to this file of SQLite fail from now on.
    @ivar broken: syncs fail from now on.
    @ivar broken_database: only those of SQLite do.
    @ivar unreadable: reads fail from now on.
    @ivar links: whether the file system has links.
    """

    events: list[Event] = field(factory=list)
    directories: set[str] = field(factory=set)
    full: bool = False
    unwritable: str = ""
    broken: bool = False
    broken_database: bool = False
    unreadable: bool = False
    links: bool = True

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Record what SQLite and the files of bodies do."""
        before = apsw.vfs_names()[0]
        vfs = _RecordingVFS(self, before)
        apsw.set_default_vfs(vfs.name)
        stand_in = _RecordingOS(self)
        try:
            with mock.patch.object(bodies, "os", stand_in), mock.patch.object(files, "os", stand_in):
                yield
        finally:
            apsw.set_default_vfs(before)
            vfs.unregister()

    def remains(self, point: int, leaves: Leaves, chance: random.Random) -> dict[str, bytes]:
        """Return path and content of all files after a crash behind so many events; directories are empty files."""
        found: dict[str, _File] = {}
        for event in self.events[:point]:
            if isinstance(event, Made):
                found[event.path] = _File(pending=[Wrote(event.path, 0, event.data)], before=found.get(event.path))
            elif isinstance(event, Removed):
                found[event.path].gone = True
            elif isinstance(event, Synced):
                _sync(found, event.path)
            elif not isinstance(event, Done):
                found[event.path].pending.append(event)
        kept = {path: data for path, file in found.items() if (data := file.left(leaves, chance)) is not None}
        # What stands in a directory that is lost is lost with it.
        return {path: data for path, data in kept.items() if _parents(path) & found.keys() <= kept.keys()}


def _sync(found: dict[str, _File], path: str) -> None:
    if path in found:
        found[path].sync()
    for name, file in list(found.items()):
        if os.path.dirname(name) == path:
            file.named, file.before = True, None
            if file.gone:
                del found[name]


def _parents(path: str) -> set[str]:
    return set(map(str, Path(path).parents))


class _RecordingFile(apsw.VFSFile):
    def __init__(self, disk: Disk, below: str, name: Any, flags: list[int]) -> None:
        self.disk = disk
        self.path = name.filename() if isinstance(name, apsw.URIFilename) else name
        if not os.path.exists(self.path):
            disk.events.append(Made(self.path))
        # As SQLite's own: who makes a journal makes its name durable with the first sync.
        self.sync_name = bool(flags[0] & apsw.SQLITE_OPEN_CREATE and flags[0] & _JOURNALS)
        super().__init__(below, name, flags)  # the name may be an URIFilename, as documented

    def xRead(self, amount: int, offset: int) -> bytes:
        if self.disk.unreadable:
            raise apsw.IOError("the disk cannot be read")
        return super().xRead(amount, offset)

    def xWrite(self, data: bytes, offset: int) -> None:
        if self.disk.full or self.path == self.disk.unwritable:
            raise apsw.FullError("the disk is full")
        super().xWrite(data, offset)
        self.disk.events.append(Wrote(self.path, offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:
        super().xTruncate(newsize)
        self.disk.events.append(Truncated(self.path, newsize))

    def xSync(self, flags: int) -> None:
        if self.disk.broken or self.disk.broken_database:
            raise apsw.IOError("the disk is broken")
        super().xSync(flags)
        self.disk.events.append(Synced(self.path))
        if self.sync_name:
            self.disk.events.append(Synced(os.path.dirname(self.path)))
            self.sync_name = False


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
        if syncdir:
            self.disk.events.append(Synced(os.path.dirname(filename)))


class _RecordingOS:
    """C{os}, as the files of bodies use it."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def makedirs(self, path: Path, mode: int, exist_ok: bool) -> None:
        new = [str(each) for each in (*reversed(path.parents), path) if not each.exists()]
        os.makedirs(path, mode, exist_ok)
        self.disk.events += map(Made, new)
        self.disk.directories.update(new)

    def link(self, source: str, path: str) -> None:
        if self.disk.full:
            raise OSError("the disk is full")
        if not self.disk.links:
            raise OSError("this file system has no links")
        os.link(source, path)
        self.disk.events.append(Made(path, Path(path).read_bytes()))

    def open(self, path: str, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_CREAT:
            if self.disk.full:
                raise OSError("the disk is full")
            self.disk.events.append(Made(path))
        return os.open(path, flags, mode)

    def fsync(self, descriptor: int) -> None:
        if self.disk.broken:
            raise OSError("the disk is broken")
        os.fsync(descriptor)
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            # What a copy wrote is not seen; until here none of it was sure.
            self.disk.events.append(Wrote(path, 0, Path(path).read_bytes()))
        self.disk.events.append(Synced(path))

    def unlink(self, path: str) -> None:
        os.unlink(path)
        self.disk.events.append(Removed(path))
