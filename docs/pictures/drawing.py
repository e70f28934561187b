"""Boxes, words and arrows as SVG, legible on a light and on a dark page.

A picture brings its own paper, so that it can be read wherever it is shown, and follows what the reader's
system prefers.
"""

from __future__ import annotations

from html import escape
from pathlib import Path

STYLE = """
svg { font: 14px ui-sans-serif, system-ui, sans-serif }
.paper { fill: #fbfbfd; stroke: #d5d9e0 }
text { fill: #1d2330 } .faint { fill: #5d6675 } .small { font-size: 12px } .strong { font-weight: 600 }
.box { fill: #eef1f6; stroke: #8b94a3 } .good { fill: #d3efdc; stroke: #2c8a52 }
.bad { fill: #fadadb; stroke: #c23b41 } .wait { fill: #fbeccb; stroke: #b07a10 }
.ours { fill: #dde3fb; stroke: #4a5fc8 }
.line { stroke: #5d6675; fill: none; stroke-width: 1.5 } .dashed { stroke-dasharray: 4 4 }
.head { fill: #5d6675 }
@media (prefers-color-scheme: dark) {
.paper { fill: #1b1f29; stroke: #3a4150 }
text { fill: #e6e9ef } .faint { fill: #a5aebd }
.box { fill: #2a303d; stroke: #7d8797 } .good { fill: #1d4a30; stroke: #55b57d }
.bad { fill: #5a2427; stroke: #e2777c } .wait { fill: #54400f; stroke: #d9a63c }
.ours { fill: #2b3568; stroke: #8c9df0 }
.line { stroke: #a5aebd } .head { fill: #a5aebd }
}
"""

ARROW_HEAD = (
    '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
    'orient="auto">'
    '<path class="head" d="M0,0 L8,4 L0,8 z"/></marker></defs>'
)


class Picture:
    """A drawing of a size in pixels; `title` is what it says to those who cannot see it."""

    def __init__(self, width: int, height: int, title: str) -> None:
        self._size = width, height
        self._title = title
        self._parts: list[str] = []

    def box(
        self, x: float, y: float, width: float, height: float, words: str = "", kind: str = "box"
    ) -> None:
        """A box with words in its middle; `kind` is its colour: good, bad, wait, ours or box."""
        self._parts.append(
            f'<rect class="{kind}" x="{x:.5g}" y="{y:.5g}" width="{width:.5g}" height="{height:.5g}" rx="5"/>'
        )
        if words:
            self.words(x + width / 2, y + height / 2 + 5, words, anchor="middle")

    def words(self, x: float, y: float, words: str, look: str = "", anchor: str = "start") -> None:
        """Words on a line; `look` may be faint, small and strong."""
        self._parts.append(
            f'<text x="{x:.5g}" y="{y:.5g}" class="{look}" text-anchor="{anchor}">{escape(words)}</text>'
        )

    def line(self, *points: tuple[float, float], dashed: bool = False, arrow: bool = False) -> None:
        """A line through points, with an arrow's head at its end."""
        path = " ".join(f"{x:.5g},{y:.5g}" for x, y in points)
        look = "line dashed" if dashed else "line"
        head = ' marker-end="url(#head)"' if arrow else ""
        self._parts.append(f'<polyline class="{look}" points="{path}"{head}/>')

    def svg(self) -> str:
        """The whole file."""
        width, height = self._size
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
                f"<title>{escape(self._title)}</title>",
                f"<style>{STYLE}</style>",
                ARROW_HEAD,
                f'<rect class="paper" x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="8"/>',
                *self._parts,
                "</svg>",
                "",
            ]
        )

    def save(self, script: str) -> None:
        """Write it beside the script that draws it."""
        Path(script).with_suffix(".svg").write_text(self.svg(), encoding="utf-8")
