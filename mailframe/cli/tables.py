"""Tables for people: aligned, in human units, safe to show on a terminal whatever others have put in; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mailframe.address import UNSAFE

_UNITS = ((86400, "d"), (3600, "h"), (60, "m"))


def safe(text: str) -> str:
    """Return a text without what a terminal obeys: control characters, and marks that turn the direction around."""
    return UNSAFE.sub("\ufffd", text)


def span(seconds: float) -> str:
    """Return a length of time in its greatest unit, rounded down: C{45s}, C{12m}, C{3h}, C{5d}."""
    whole = max(0, int(seconds))
    for length, unit in _UNITS:
        if whole >= length:
            return f"{whole // length}{unit}"
    return f"{whole}s"


def octets(size: int) -> str:
    """Return a size in its unit: C{812}, C{4.2K}, C{31M}."""
    amount = float(size)
    for unit in ("", "K", "M", "G"):
        if amount < 1000 or unit == "G":
            break
        amount /= 1024
    return f"{amount:.0f}{unit}" if amount >= 10 or not unit else f"{amount:.1f}{unit}"


def shortened(text: str, width: int) -> str:
    """Return a text that fits into so many columns."""
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"


def table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], width: int, right: Sequence[int] = ()
) -> Iterator[str]:
    """
    Yield the lines of a table.

    @param width: columns of the terminal: the last cell is shortened to what is left, but not below its heading.
    @param right: the cells that are numbers.
    """
    lines = [headings, *([safe(cell) for cell in row] for row in rows)]
    sizes = [max(map(len, column)) for column in zip(*lines, strict=True)]
    left = max(len(headings[-1]), width - sum(sizes[:-1]) - 2 * (len(sizes) - 1))
    for line in lines:
        cells = [_aligned(cell, sizes[at], at in right) for at, cell in enumerate(line[:-1])]
        yield "  ".join([*cells, shortened(line[-1], left)]).rstrip()


def _aligned(cell: str, size: int, right: bool) -> str:
    return cell.rjust(size) if right else cell.ljust(size)
