"""What is kept for the next one who can use it, such as connections."""

from __future__ import annotations

from typing import Generic, TypeVar

from attrs import define, field

T = TypeVar("T")


@define(eq=False)
class Kept(Generic[T]):
    """Things by keys: those of one key are alike."""

    _by_key: dict[str, list[T]] = field(factory=dict, init=False)
    _keys: dict[T, str] = field(factory=dict, init=False)

    def __len__(self) -> int:
        """How many there are altogether."""
        return len(self._keys)

    def add(self, key: str, thing: T) -> None:
        """Keep one that is not kept."""
        self._by_key.setdefault(key, []).append(thing)
        self._keys[thing] = key

    def take(self, key: str) -> T | None:
        """Give out the one of a key that was kept last."""
        found = self._by_key.get(key)
        if found is None:
            return None
        thing = found[-1]
        self.discard(thing)
        return thing

    def take_oldest(self) -> T:
        """Give out the one that has been kept longest; there is one."""
        thing = next(iter(self._keys))
        self.discard(thing)
        return thing

    def discard(self, thing: T) -> None:
        """Keep it no longer, if it is kept."""
        key = self._keys.pop(thing, None)
        if key is not None:
            alike = self._by_key[key]
            alike.remove(thing)
            if not alike:
                del self._by_key[key]

    def clear(self) -> None:
        """Keep nothing."""
        self._by_key.clear()
        self._keys.clear()
