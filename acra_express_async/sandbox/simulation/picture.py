"""A simulated day as an SVG chart: companies done and the use of each budget's window over the hours."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

from acra_express_async.sandbox.simulation.day_report import DayReport

WIDTH, HEIGHT = 860, 420
LEFT, RIGHT, TOP, BOTTOM = 60, 200, 50, 40
COLOURS = ("#1b6ca8", "#c4572b", "#3c8d40", "#8a4fa3", "#6b6b6b")


def day_picture(day: DayReport) -> str:
    """The SVG text; every line is scaled to its maximum, 0 to 100 %."""
    hours = float(day.options["hours"])
    most = max(1, *(sample.done for sample in day.samples))
    lines = [(f"companies done ({most} = 100 %)", [(s.hour, s.done / most) for s in day.samples])]
    for use in day.budgets:
        points = [(s.hour, s.used[use.budget] / use.allowance) for s in day.samples]
        lines.append((f"{use.budget} of {use.allowance:g} (worst {use.worst:g})", points))
    title = (
        f"{hours:g} simulated hours, {day.options['profile']}: {day.companies} companies, "
        f"p95 {day.latency.p95 / 60:.1f} min, {day.violations} violations"
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"',
        ' font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="28" font-size="15">{escape(title)}</text>',
        *_axes(hours),
    ]
    for number, (name, points) in enumerate(lines):
        colour = COLOURS[number % len(COLOURS)]
        parts.append(_line(points, hours, colour, thick=number == 0))
        parts.append(_legend(number, name, colour))
    return "\n".join([*parts, "</svg>", ""])


def _x(hour: float, hours: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * min(hour / hours, 1.0)


def _y(share: float) -> float:
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - min(share, 1.0))


def _axes(hours: float) -> list[str]:
    right = _x(hours, hours)
    parts = []
    for percent in (0, 25, 50, 75, 100):
        y = _y(percent / 100)
        parts.append(f'<line x1="{LEFT}" x2="{right:.1f}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{percent} %</text>')
    for eighth in range(9):
        hour = hours * eighth / 8
        x = _x(hour, hours)
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{hour:g} h</text>')
    return parts


def _line(points: Sequence[tuple[float, float]], hours: float, colour: str, *, thick: bool) -> str:
    drawn = " ".join(f"{_x(hour, hours):.1f},{_y(share):.1f}" for hour, share in points)
    return f'<polyline fill="none" stroke="{colour}" stroke-width="{3 if thick else 1.3}" points="{drawn}"/>'


def _legend(number: int, name: str, colour: str) -> str:
    x, y = WIDTH - RIGHT + 12, TOP + 16 + 34 * number
    head, _, tail = name.partition(" ")
    return (
        f'<rect x="{x}" y="{y - 9}" width="10" height="10" fill="{colour}"/>'
        f'<text x="{x + 15}" y="{y}">{escape(head)}</text>'
        f'<text x="{x + 15}" y="{y + 14}" fill="#555">{escape(tail)}</text>'
    )
