"""Answers of Jina Reader: invented ones, and captured ones if they are available beside this checkout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

URL = "https://r.jina.ai/"
SITE = "https://kopi.com.sg/"
CAPTURES = Path(__file__).parents[2] / "shared" / "data" / "captured" / "jina"


def page(content: str = "# Kopi\n\nCall us.", **more: Any) -> dict[str, Any]:
    data = {"title": "Kopi", "description": "", "url": SITE, "content": content, "usage": {"tokens": 33}} | more
    return {"code": 200, "status": 20000, "data": data}


def error(code: int, status: int, name: str, message: str, **more: Any) -> dict[str, Any]:
    readable = f"{name}: {message}"
    return {
        "data": None,
        "code": code,
        "name": name,
        "status": status,
        "message": message,
        "readableMessage": readable,
    } | more


def capture(name: str) -> dict[str, Any]:
    path = CAPTURES / name
    if not path.exists():
        pytest.skip("no captured answers beside this checkout (shared/data/captured)")
    told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return told
