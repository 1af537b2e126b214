"""`acra-express export` as a process: formats, selections, and files that appear only when they are complete."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from process import acra_express
from records.test_record_pages import decided

from acra_express_async.db.session.pool import Connection


async def test_writes_the_chosen_format_to_standard_output(fresh_dsn: str, owner: Connection) -> None:
    await decided(owner, "201912345K", campaign=7)
    await decided(owner, "201912346E", "no_website", reason="no_proof", campaign=8)
    code, out, err = await acra_express("export", POSTGRES_DSN=fresh_dsn)
    assert (code, err) == (0, "")
    rows = list(csv.DictReader(io.StringIO(out, newline="")))
    assert [row["uen"] for row in rows] == ["201912345K", "201912346E"]
    assert rows[1]["reason_text"] == "the best candidate showed no proof that it is the company's own"
    code, out, _ = await acra_express("export", "--campaign", "7", "--format", "jsonl", POSTGRES_DSN=fresh_dsn)
    assert [json.loads(line)["website"] for line in out.splitlines()] == ["201912345k.sg"]
    assert code == 0


async def test_takes_the_uens_of_a_file_and_names_bad_lines(fresh_dsn: str, owner: Connection, tmp_path: Path) -> None:
    await decided(owner, "201912345K")
    await decided(owner, "201912346E")
    listed, wanted = tmp_path / "uens.csv", tmp_path / "records.csv"
    listed.write_text("name,uen\nx,201912346e\ny,nonsense\n", encoding="utf-8")
    code, out, err = await acra_express(
        "export", "--uen-file", str(listed), "--output", str(wanted), POSTGRES_DSN=fresh_dsn
    )
    assert (code, out) == (0, "")
    assert "line 3: 'nonsense' is not a UEN" in err
    assert f"1 records in {wanted}" in err
    assert [row["uen"] for row in csv.DictReader(io.StringIO(wanted.read_text(encoding="utf-8")))] == ["201912346E"]


async def test_refuses_what_it_cannot_do_in_one_sentence(fresh_dsn: str, tmp_path: Path) -> None:
    missing = tmp_path / "nowhere" / "records.csv"
    code, _, err = await acra_express("export", "--output", str(missing), POSTGRES_DSN=fresh_dsn)
    assert (code, err) == (1, f"acra-express: cannot write {missing}: No such file or directory\n")
    code, _, err = await acra_express("export", "--since", "yesterday", POSTGRES_DSN=fresh_dsn)
    assert code == 2
    assert "'yesterday' is not a date" in err
    code, _, err = await acra_express("export", "--ssic", "x", POSTGRES_DSN=fresh_dsn)
    assert (code, err) == (1, "acra-express: 'x' is not an SSIC code\n")
