"""Writes `acra-express.json` from the rows of `overview.py` and `machinery.py`; a test compares the two.

Usage: `python config/grafana/dashboard.py`
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import machinery
import overview
from expressions import Panel

TARGET = Path(__file__).with_name("acra-express.json")
UID = "acra-express"
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
WIDTH = 24


def dashboard() -> dict[str, Any]:
    """The whole dashboard as Grafana's JSON model."""
    panels: list[dict[str, Any]] = []
    y = 0
    for title, row in (*overview.ROWS, *machinery.ROWS):
        panels.append(_frame(len(panels) + 1, title, "row", (0, y, WIDTH, 1)) | {"collapsed": False, "panels": []})
        y += 1
        x = tallest = 0
        for panel in row:
            if x + panel.width > WIDTH:
                x, y, tallest = 0, y + tallest, 0
            panels.append(_panel(len(panels) + 1, panel, x, y))
            x, tallest = x + panel.width, max(tallest, panel.height)
        y += tallest
    return {
        "uid": UID,
        "title": "acra-express",
        "description": "Made by config/grafana/dashboard.py; change it there.",
        "tags": ["acra-express"],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "timezone": "browser",
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [_datasource(), _variable("job", "job"), _variable("instance", "instance")]},
        "annotations": {"list": []},
        "panels": panels,
    }


def _frame(number: int, title: str, kind: str, place: tuple[int, int, int, int]) -> dict[str, Any]:
    x, y, width, height = place
    return {"id": number, "title": title, "type": kind, "gridPos": {"x": x, "y": y, "w": width, "h": height}}


def _panel(number: int, panel: Panel, x: int, y: int) -> dict[str, Any]:
    base = panel.base
    steps = [{"color": base, "value": None}] + [{"color": colour, "value": value} for value, colour in panel.steps]
    defaults: dict[str, Any] = {"unit": panel.unit, "thresholds": {"mode": "absolute", "steps": steps}}
    options: dict[str, Any] = {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}}
    if panel.kind == "stat":
        options = {
            "reduceOptions": {"calcs": ["lastNotNull"]},
            "colorMode": "background",
            "textMode": panel.shows,
        }
    else:
        stacking = {"mode": "normal" if panel.stacked else "none"}
        defaults["custom"] = {"stacking": stacking, "fillOpacity": 20 if panel.stacked else 5}
        if panel.steps:
            defaults["custom"]["thresholdsStyle"] = {"mode": "line"}
    return _frame(number, panel.title, panel.kind, (x, y, panel.width, panel.height)) | {
        "description": panel.about,
        "datasource": DATASOURCE,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": options,
        "targets": [
            {
                "refId": chr(ord("A") + place),
                "datasource": DATASOURCE,
                "expr": expression,
                "legendFormat": legend,
                "instant": panel.kind == "stat",
                "range": panel.kind != "stat",
            }
            for place, (legend, expression) in enumerate(panel.queries)
        ],
    }


def _datasource() -> dict[str, Any]:
    return {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}


def _variable(name: str, label: str) -> dict[str, Any]:
    narrowed = '{job=~"$job"}' if name == "instance" else ""
    return {
        "name": name,
        "type": "query",
        "datasource": DATASOURCE,
        "query": f"label_values(acra_express_build_info{narrowed}, {label})",
        "refresh": 2,
        "includeAll": True,
        "allValue": ".*",
        "multi": True,
        "current": {"text": "All", "value": "$__all"},
    }


def rendered() -> str:
    """The text of `acra-express.json`."""
    return json.dumps(dashboard(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    TARGET.write_text(rendered(), encoding="utf-8")
