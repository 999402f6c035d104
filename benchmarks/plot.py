"""A picture of shares of a line, as SVG that is readable in the light and in the dark. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

WIDTH, LEFT, TOP, BAR, GAP = 760, 230, 56, 16, 18
COLOURS = ("#2f6fdb", "#e08a1e", "#8a8f98")


def bars(title: str, rows: Sequence[tuple[str, Mapping[str, float]]]) -> str:
    """Return a picture with a group of bars for each row: who reached which share, from 0 to 1, of it."""
    names = list(rows[0][1])
    group = len(names) * BAR + GAP
    height = TOP + len(rows) * group + 34
    scale = WIDTH - LEFT - 70
    shapes = [
        f'<text x="12" y="24" class="title">{escape(title)}</text>',
        *(
            f'<rect x="{LEFT + 150 * place}" y="36" width="11" height="11" fill="{COLOURS[place]}"/>'
            f'<text x="{LEFT + 150 * place + 17}" y="46">{escape(name)}</text>'
            for place, name in enumerate(names)
        ),
    ]
    bottom = TOP + len(rows) * group
    for tenth in range(0, 11, 2):
        x = LEFT + scale * tenth / 10
        shapes.append(f'<path d="M{x:.0f} {TOP}V{bottom}" class="grid"/>')
        shapes.append(f'<text x="{x:.0f}" y="{bottom + 18}" class="middle">{tenth * 10} %</text>')
    for number, (label, shares) in enumerate(rows):
        y = TOP + number * group + GAP / 2
        shapes.append(
            f'<text x="{LEFT - 10}" y="{y + len(names) * BAR / 2 + 4:.0f}" class="end">{escape(label)}</text>'
        )
        for place, share in enumerate(shares.values()):
            top = y + place * BAR
            shapes.append(
                f'<rect x="{LEFT}" y="{top:.0f}" width="{max(1, scale * share):.0f}" height="{BAR - 3}"'
                f' fill="{COLOURS[place]}"/>'
                f'<text x="{LEFT + scale * share + 6:.0f}" y="{top + 11:.0f}">{share:.1%}</text>'
            )
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
            f"<title>{escape(title)}</title>",
            "<style>",
            "text { font: 12px system-ui, sans-serif; fill: #1f2933 }",
            ".title { font-size: 15px; font-weight: 600 } .end { text-anchor: end } .middle { text-anchor: middle }",
            ".grid { stroke: #c9ced6; fill: none }",
            "@media (prefers-color-scheme: dark) { text { fill: #e4e7eb } .grid { stroke: #4a5361 } }",
            "</style>",
            *shapes,
            "</svg>",
            "",
        ]
    )
