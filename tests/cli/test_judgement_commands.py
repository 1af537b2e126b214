"""`site`, `contact`, `judge` and `judgements list` as processes: what is recorded, and what is said about it."""

from __future__ import annotations

import csv
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from process import acra_express
from records.test_record_pages import decided

from acra_express_async.db.session.pool import Connection

UEN = "201912345K"
Run = Callable[..., Awaitable[tuple[int, str, str]]]


@pytest.fixture
def run(fresh_dsn: str) -> Run:
    async def run(*arguments: str) -> tuple[int, str, str]:
        return await acra_express(*arguments, POSTGRES_DSN=fresh_dsn)

    return run


async def test_a_judgement_on_a_part_says_that_it_is_on_the_site(run: Run, owner: Connection) -> None:
    await decided(owner, UEN)
    reject = ("site", UEN, "--reject", "shop.lotus.com.sg", "--by", "mei", "--no-run")
    remark = "shop.lotus.com.sg is part of the site lotus.com.sg; the judgement is on all of lotus.com.sg"
    code, out, err = await run(*reject)
    assert (code, err) == (0, "")
    assert out == f"{UEN}: site reject lotus.com.sg is recorded; 0 rows and cells withdrawn; {remark}\n"
    answer = json.loads((await run(*reject, "--json"))[1])
    assert (answer["value"], answer["unchanged"], answer["remark"]) == ("lotus.com.sg", True, remark)


async def test_accepting_a_site_starts_no_run(run: Run, owner: Connection) -> None:
    await decided(owner, UEN)
    answer = json.loads((await run("site", UEN, "--accept", "--by", "mei", "--json"))[1])
    assert (answer["value"], answer["campaign_id"]) == ("201912345k.sg", None)
    assert await owner.fetchval("SELECT count(*) FROM background_jobs") == 0
    assert json.loads((await run("site", UEN, "--none", "--by", "mei", "--json"))[1])["campaign_id"] is not None


async def test_a_file_is_recorded_whole_or_its_lines_are_named(run: Run, owner: Connection, tmp_path: Path) -> None:
    await decided(owner, UEN)
    file = tmp_path / "judgements.csv"
    head, good = "uen,field,value,judgement,note\n", f"{UEN},site,shop.lotus.com.sg,reject,not theirs\n"
    file.write_text(f"{head}{good}{UEN},email,nobody,bounced,\n199999999Z,site,,none,\n", encoding="utf-8")
    code, _, err = await run("judge", str(file), "--by", "mei")
    assert code == 1
    assert err.splitlines() == [
        f"acra-express: {file}: nothing was recorded, because these 2 lines are wrong",
        "line 3: 'nobody' is not a mail address",
        "line 4: 199999999Z is neither in the registry nor in companies",
    ]
    assert await owner.fetchval("SELECT count(*) FROM acra_express.judgements") == 0
    file.write_text(head + good, encoding="utf-8")
    code, out, err = await run("judge", str(file), "--by", "mei")
    remark = "shop.lotus.com.sg is part of the site lotus.com.sg; the judgement is on all of lotus.com.sg"
    assert (code, err) == (0, f"{file}: line 2: {remark}\n")
    assert out.startswith("1 judgement recorded, 0 of them known already; 0 rows and cells withdrawn; the company is")
    listed = json.loads((await run("judgements", "list", "--uen", UEN, "--json"))[1])["items"]
    assert [(line["value"], line["judgement"], line["note"]) for line in listed] == [
        ("lotus.com.sg", "reject", "not theirs")
    ]
    assert "subject" not in listed[0]


@pytest.mark.parametrize(
    ("text", "why"),
    [("", "is empty"), ("uen,field,value,judgement\n", "has no row below its head")],
    ids=["empty", "head"],
)
async def test_a_file_without_judgements_is_an_error(run: Run, tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "judgements.csv"
    file.write_text(text, encoding="utf-8")
    code, out, err = await run("judge", str(file), "--by", "mei")
    said = f"{file}: nothing was recorded, because the file of judgements {why}"
    assert (code, out, err) == (1, "", f"acra-express: {said}\n")
    code, _, err = await run("judge", str(file), "--by", "mei", "--json")
    assert (code, json.loads(err)) == (1, {"error": said})


async def test_a_sample_is_judged_in_a_file(run: Run, owner: Connection, tmp_path: Path) -> None:
    others = ("199000001A", "199000002B")
    for uen in (UEN, *others):
        await decided(owner, uen)
    file = tmp_path / "sample.csv"
    code, out, err = await run("review", "--sample", "3", "--seed", "7", "--output", str(file))
    assert (code, err) == (0, "")
    assert f"then: acra-express judge {file} --sample 1 --by WHO" in out
    text = file.read_bytes().decode("utf-8")
    assert text.startswith("\ufeffuen,field,value,judgement,note,name,page,level\r\n")
    with file.open(encoding="utf-8-sig", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert {(row["uen"], row["field"], row["judgement"]) for row in rows} == {(u, "site", "") for u in (UEN, *others)}
    for row in rows:
        row["judgement"] = {UEN: "accept", others[0]: "reject"}.get(row["uen"], "")
    with file.open("w", encoding="utf-8-sig", newline="") as lines:
        filled = csv.DictWriter(lines, rows[0])
        filled.writeheader()
        filled.writerows(rows)
    judged = ("judge", str(file), "--sample", "1", "--by", "mei", "--no-run")
    code, out, err = await run(*judged)
    assert (code, err) == (0, "")
    assert out.startswith("2 judgements recorded, 0 of them known already; ")
    assert "; rows without a judgement: 1" in out
    assert "3 answers in samples, 1 of them not judged yet" in (await run("accuracy", "--sample", "1"))[1]


async def test_a_template_that_cannot_be_written_draws_nothing(run: Run, owner: Connection, tmp_path: Path) -> None:
    await decided(owner, UEN)
    missing = tmp_path / "nowhere" / "sample.csv"
    code, _, err = await run("review", "--sample", "1", "--output", str(missing))
    assert (code, err) == (1, f"acra-express: cannot write {missing}: No such file or directory\n")
    assert await owner.fetchval("SELECT count(*) FROM acra_express.samples") == 0
    code, _, err = await run("review", "--output", str(missing))
    assert code == 2
    assert "--output is for --sample" in err
