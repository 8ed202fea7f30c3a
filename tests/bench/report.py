"""One measured comparison a row, as a Markdown table."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen


@frozen
class Row:
    """
    A figure of ours beside a peer's of the same run.

    @ivar unit: C{/s}, where more is better, or C{ms} or C{MB}, where less is.
    @ivar wanted: the ratio we want at least; 0 when there is no demand.
    """

    what: str
    peer: str
    theirs: float
    ours: float
    unit: str
    wanted: float = 0.0

    @property
    def ratio(self) -> float:
        """How many times better than the peer."""
        return self.ours / self.theirs if self.unit == "/s" else self.theirs / self.ours


def table(rows: Sequence[Row]) -> str:
    """Return the rows for the README."""
    lines = ["| work | peer | peer's figure | mailframe | ratio | wanted |", "|---|---|--:|--:|--:|--:|"]
    for row in rows:
        wanted = f"{row.wanted:g}x" if row.wanted else ""
        figures = f"{row.theirs:,.4g} {row.unit} | {row.ours:,.4g} {row.unit}".replace(" /s", "/s")
        lines.append(f"| {row.what} | {row.peer} | {figures} | {row.ratio:.1f}x | {wanted} |")
    return "\n".join(lines)
