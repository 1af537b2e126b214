"""How bin/audit judges pins, installed packages and pip-audit's answers; a missing network never fails it."""

from __future__ import annotations

import importlib.util
import json
import sys
from types import ModuleType

import pytest
from tools import ROOT

HASH = " --hash=sha256:" + "a" * 64


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("release_audit", ROOT / "tests" / "release" / "audit.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = made
    spec.loader.exec_module(made)
    return made


def test_every_requirement_of_ours_is_pinned_with_a_hash(audit: ModuleType) -> None:
    for file in sorted((ROOT / "config").glob("requirements*.txt")):
        assert audit.pins(file.read_text(encoding="utf-8")), file


@pytest.mark.parametrize(
    "line", ["httpx>=0.28" + HASH, "httpx==0.28.1", "httpx", "git+https://host/x", "httpx==0.28.1 --hash=md5:abc"]
)
def test_an_unpinned_requirement_is_named(audit: ModuleType, line: str) -> None:
    with pytest.raises(audit.NotPinned, match="not pinned with a hash"):
        audit.pins(f"a==1{HASH}\n{line}\n")


def test_a_pin_may_span_lines_and_have_a_marker(audit: ModuleType) -> None:
    text = f"# by uv\nUv_Loop==0.23 ; sys_platform != 'win32' \\\n   {HASH} \\\n   {HASH}\n"
    assert audit.pins(text) == {"uv-loop": "0.23"}


def test_an_installed_package_must_be_the_pinned_one(audit: ModuleType) -> None:
    installed = {"pip": "1", "acra-express-async": "0.1.0", "httpx": "0.28.1", "left-pad": "1", "rich": "2"}
    found = audit.strangers(installed, {"httpx": "0.28.1", "rich": "1", "absent": "1"})
    assert found == ["left-pad 1 (pinned: no)", "rich 2 (pinned: 1)"]


def answer(*dependencies: dict[str, object]) -> str:
    return json.dumps({"dependencies": dependencies, "fixes": []})


def test_a_known_vulnerability_fails_the_audit(audit: ModuleType) -> None:
    hole = {"id": "PYSEC-2024-1", "fix_versions": ["2"]}
    verdict = audit.judged(1, answer({"name": "a", "version": "1", "vulns": [hole]}), "Found 1 known vulnerability")
    assert (verdict.wrong, verdict.said) == (True, "known vulnerabilities: a 1: PYSEC-2024-1")


def test_an_index_without_data_counts_as_skipped(audit: ModuleType) -> None:
    """pip-audit exits with 0 here."""
    verdict = audit.judged(0, answer({"name": "a", "skip_reason": "not found"}), "No known vulnerabilities found")
    assert not verdict.wrong
    assert verdict.said.startswith("skipped")


def test_the_audit_is_skipped_with_a_reason_without_network(audit: ModuleType) -> None:
    verdict = audit.judged(1, "", "Traceback …\nConnectionError: Failed to resolve 'service'\n")
    assert not verdict.wrong
    assert verdict.said == "skipped, the service cannot be asked: ConnectionError: Failed to resolve 'service'"


def test_a_clean_audit_names_the_packages_it_could_not_check(audit: ModuleType) -> None:
    known = {"name": "a", "version": "1", "vulns": []}
    assert audit.judged(0, answer(known), "").said == "1 packages have no known vulnerability"
    partly = audit.judged(0, answer(known, {"name": "b", "skip_reason": "?"}), "")
    assert partly.said == "1 packages have no known vulnerability; not known there: b"
