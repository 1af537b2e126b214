"""`bin/audit`: check that all packages are pinned with hashes, list them, and look up known vulnerabilities.

python audit.py FOLDER

Writes the bill of materials (CycloneDX) of the deployed packages to FOLDER. Exit code 1 for a package that is not
pinned or has a known vulnerability. If the vulnerability service cannot be reached, that part is skipped with the
reason: pip-audit alone reports success when its service knows none of the packages, which would be misleading.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "config"
DEPLOYED = CONFIG / "requirements.txt"
OURS = "acra-express-async"
TOOLS_OF_AN_ENVIRONMENT = {"pip", "setuptools"}
"""Installed by `python -m venv` itself."""
PATIENCE = 300
PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)==([^\s;\\]+)")
Pins = dict[str, str]


class NotPinned(Exception):
    """A requirement or installed package without a hashed pin."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a check: `wrong` fails the build, `said` is the message."""

    wrong: bool
    said: str


def plain(name: str) -> str:
    """The normalised name of a package."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(text: str) -> Pins:
    """Names and versions in a requirements file.

    Raises:
        NotPinned: a line has no exact version or no SHA-256.
    """
    found: Pins = {}
    for entry in re.sub(r"\\\n", " ", text).splitlines():
        line = entry.partition("#")[0].strip()
        if not line:
            continue
        pin = PIN.match(line)
        if pin is None or not re.search(r"--hash=sha256:[0-9a-f]{64}\b", line):
            raise NotPinned(f"not pinned with a hash: {line[:80]}")
        found[plain(pin[1])] = pin[2]
    return found


def strangers(installed: Mapping[str, str], pinned: Pins) -> list[str]:
    """Installed packages that differ from the pins."""
    return [
        f"{name} {version} (pinned: {pinned.get(name, 'no')})"
        for name, version in sorted(installed.items())
        if name not in TOOLS_OF_AN_ENVIRONMENT | {OURS} and pinned.get(name) != version
    ]


def judged(code: int, out: str, err: str) -> Verdict:
    """Interpret one run of pip-audit (JSON)."""
    try:
        found: list[dict[str, Any]] = json.loads(out)["dependencies"]
    except (ValueError, KeyError, TypeError):
        last = (err.strip().splitlines() or [f"exit code {code}"])[-1]
        return Verdict(wrong=False, said=f"skipped, the service cannot be asked: {last[:200]}")
    holes = [f"{each['name']} {each['version']}: {hole['id']}" for each in found for hole in each.get("vulns", ())]
    if holes:
        return Verdict(wrong=True, said="known vulnerabilities: " + ", ".join(holes))
    unknown = [each["name"] for each in found if "skip_reason" in each]
    if len(unknown) == len(found):
        return Verdict(wrong=False, said="skipped, the service that answers here knows none of these packages")
    said = f"{len(found) - len(unknown)} packages have no known vulnerability"
    return Verdict(wrong=False, said=f"{said}; not known there: {', '.join(unknown)}" if unknown else said)


def tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"{name} is not installed (config/requirements-tools.txt)")
    return found


def bill(folder: Path) -> str:
    """Write the bill of materials and return a message."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "acra-express.cdx.json"
    command = [tool("cyclonedx-py"), "requirements", "--output-reproducible", "-o", str(file), str(DEPLOYED)]
    subprocess.run(command, check=True, capture_output=True)
    components = json.loads(file.read_text(encoding="utf-8"))["components"]
    return f"{len(components)} components in {file}"


def asked(requirements: Path) -> Verdict:
    """Run pip-audit on a file of hashed pins; it resolves and installs nothing."""
    command = [
        tool("pip-audit"),
        "--format",
        "json",
        "--progress-spinner",
        "off",
        "--timeout",
        "10",
        "--disable-pip",
        "--require-hashes",
        "--requirement",
        str(requirements),
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return Verdict(wrong=False, said=f"skipped, the service did not answer within {PATIENCE} s")
    return judged(done.returncode, done.stdout, done.stderr)


def audit() -> Verdict:
    """Try one package first: if the service does not know it, skip the others."""
    text = DEPLOYED.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        first = Path(folder) / "first.txt"
        first.write_text(re.split(r"(?m)^(?=[a-z0-9])", text)[1], encoding="utf-8")
        verdict = asked(first)
    return verdict if verdict.said.startswith("skipped") else asked(DEPLOYED)


def main(folder: Path) -> int:
    """Run all checks and return the exit code."""
    try:
        files = {file.name: pins(file.read_text(encoding="utf-8")) for file in sorted(CONFIG.glob("requirements*.txt"))}
    except NotPinned as wrong:
        print(f"audit: pins: {wrong}")
        return 1
    installed = {plain(each.metadata["Name"]): each.version for each in distributions()}
    strange = strangers(installed, files["requirements-dev.txt"])
    print(f"audit: pins: {sum(map(len, files.values()))} in {len(files)} files, each with its hashes")
    print(f"audit: installed: {', '.join(strange) or f'{len(installed)} packages, all as pinned'}")
    verdict = Verdict(wrong=False, said="")
    try:
        print(f"audit: bill of materials: {bill(folder)}")
        verdict = audit()
        print(f"audit: vulnerabilities: {verdict.said}")
    except FileNotFoundError as missing:
        print(f"audit: bill of materials and vulnerabilities: skipped, {missing}")
    return 1 if strange or verdict.wrong else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
