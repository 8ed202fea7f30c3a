"""Small files written so that they are there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path


def write_durably(file: str | os.PathLike[str], data: bytes, mode: int = 0o600) -> None:
    """
    Replace or make a file; readers see the old octets or the new ones, after a crash too.

    @param mode: its permissions, from the moment it exists.
    @raise OSError: it did not work; the old file is untouched.
    """
    target = Path(file)
    draft = target.with_name(f".{target.name}.{secrets.token_hex(6)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        os.replace(draft, target)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync_directory(target.parent)


def make_directory(directory: str | os.PathLike[str]) -> None:
    """
    Make a directory that is its owner's alone, and what is missing above it; durable when this returns.

    One that is there already may be an earlier process's, which ended before its name was durable.
    """
    target = Path(os.path.abspath(directory))
    missing = [path for path in (target, *target.parents) if not path.exists()]
    os.makedirs(target, 0o700, exist_ok=True)
    for path in {target, *missing}:
        with contextlib.suppress(PermissionError):  # a parent that is not for reading was made by somebody else
            sync_directory(path.parent)


def sync_directory(directory: str | os.PathLike[str]) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
