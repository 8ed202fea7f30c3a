"""Bodies of big messages in files of their own: durable before the row that names one is committed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterable

from attrs import frozen
from twisted.logger import Logger

from mailframe.files import make_directory
from mailframe.spool import FileBody

_log = Logger()


@frozen
class Files:
    """
    All methods block; those with C{fsync} for long.

    @ivar directory: of one store or queue alone; on the file system of the spool a message is linked, not copied.
    """

    directory: str

    def path(self, name: str) -> str:
        """Return where a file is."""
        return os.path.join(self.directory, name)

    def keep(self, body: FileBody, name: str) -> None:
        """
        Make the body ours under a new name; durable when this returns.

        @raise OSError: the disk is full or broken; nothing is left.
        """
        path = self.path(name)
        try:
            _link_or_copy(body.path, path)
            _sync(path)
            _sync(self.directory)
        except OSError:
            self.drop([name])
            raise

    def read(self, name: str, start: int, length: int | None) -> bytes:
        """
        Return octets of a file; fewer where it ends.

        @raise OSError: it is gone, or the disk is broken.
        """
        with open(self.path(name), "rb", buffering=0) as file:
            file.seek(start)
            return file.read(-1 if length is None else length)

    def drop(self, names: Iterable[str]) -> None:
        """Remove files whose rows are gone. One that stays, whatever the reason, is swept away at the next start."""
        for name in names:
            try:
                os.unlink(self.path(name))
            except FileNotFoundError:
                pass
            except OSError as error:  # what it belonged to is gone for good, and that is what was asked for
                _log.warn("the file of a message that is gone cannot be removed: {error}", error=str(error))

    def sweep(self, known: Collection[str]) -> None:
        """Make the directory, and remove all files in it that no row names: before anything is kept."""
        make_directory(self.directory)
        self.drop(set(os.listdir(self.directory)) - set(known))


def _link_or_copy(source: str, path: str) -> None:
    try:
        os.link(source, path)
    except OSError:  # another file system, or one without links
        with open(source, "rb") as octets, open(path, "xb", opener=_private) as copy:
            shutil.copyfileobj(octets, copy)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
