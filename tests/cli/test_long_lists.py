"""A list of 100,000 UENs: one campaign, little memory, and no slower the second time."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from acra_express_async.db.session.pool import Connection

FEW, MANY = 1_000, 100_000
GROWTH = 1.6
"""How much more memory the long list may take: a child with 1,000 UENs takes some 56 MB, with 100,000 some 78."""

_MEASURED = """
import resource, sys
from acra_express_async.__main__ import main
try:
    main()
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""


@dataclass(frozen=True, slots=True)
class Ended:
    """A command in a separate process, and the most memory that it took, in KB."""

    code: int
    out: str
    err: str
    peak: int


async def enqueued(dsn: str, file: Path, *more: str) -> Ended:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _MEASURED,
        "enqueue",
        "--uen-file",
        str(file),
        *more,
        env=kept | {"POSTGRES_DSN": dsn},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    *said, peak = err.decode().strip().splitlines()
    return Ended(process.returncode, out.decode(), "\n".join(said), int(peak))


def written(tmp_path: Path, uens: list[str]) -> Path:
    file = tmp_path / f"{len(uens)}.txt"
    file.write_text("uen\n" + "\n".join(uens) + f"\n{uens[0]}\nnonsense\n", encoding="utf-8")
    return file


@pytest.mark.timeout(600)
async def test_100000_uens_make_one_campaign_in_flat_memory(fresh_dsn: str, owner: Connection, tmp_path: Path) -> None:
    uens = [f"{1980 + number // 20_000}{number % 20_000:05d}K" for number in range(FEW + MANY)]
    await owner.execute(
        "INSERT INTO staging_acra_companies (uen, entity_name, entity_status_description)"
        " SELECT uen, 'FIRM', 'Live Company' FROM unnest($1::text[]) uen",
        [uen for number, uen in enumerate(uens) if number % 100],  # one in a hundred is unknown
    )
    few = await enqueued(fresh_dsn, written(tmp_path, uens[:FEW]), "--json")
    file = written(tmp_path, uens[FEW:])
    many = await enqueued(fresh_dsn, file, "--json")
    assert (few.code, many.code) == (0, 0), few.err + many.err
    answer = json.loads(many.out)
    assert (answer["companies"], len(answer["left_out"])) == (99_000, 1_000)
    notes = "\n".join(answer["notes"])
    assert f"line {MANY + 3}: 'nonsense' is not a UEN" in notes
    assert f"1 line repeats a UEN: line {MANY + 2}" in notes
    listed = await owner.fetch("SELECT campaign_id, count(*) AS uens FROM acra_express.campaign_uens GROUP BY 1")
    assert {row["uens"] for row in listed} == {FEW, MANY}
    assert await owner.fetchval("SELECT count(*) FROM background_jobs") == 2
    assert many.peak < GROWTH * few.peak, (many.peak, few.peak)
    again = await enqueued(fresh_dsn, file)
    assert again.code == 1
    assert again.err.startswith("acra-express: none of these UENs can be taken (waits in another campaign: ")
    assert await owner.fetchval("SELECT count(*) FROM background_jobs") == 2
