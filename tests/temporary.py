"""Folders that go with their test."""

from __future__ import annotations

import os
import shutil
import tempfile

from twisted.trial.unittest import SynchronousTestCase


def path_for(test: SynchronousTestCase) -> str:
    """Return a path where nothing is yet, in a folder that is removed after the test."""
    folder = tempfile.mkdtemp(prefix="mailframe-")
    test.addCleanup(shutil.rmtree, folder)
    return os.path.join(folder, "data")
