"""What holds for all tests."""

from __future__ import annotations

from hypothesis import settings

# No test depends on how busy the machine is, and one that fails fails again when it is looked into.
settings.register_profile("mailframe", deadline=None, derandomize=True)
settings.load_profile("mailframe")
