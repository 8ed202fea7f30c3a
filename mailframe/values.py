"""Values that every message makes anew: frozen for whoever checks types, and as quick to make as what is not.

attrs gives a frozen object each attribute by a call of C{object.__setattr__}, so that one takes up to six times as long
to make. What others write code against is frozen for them too, at that price.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attrs import frozen as value
else:
    from attrs import define, setters

    value = partial(define, unsafe_hash=True, on_setattr=setters.NO_OP)

__all__ = ["value"]
