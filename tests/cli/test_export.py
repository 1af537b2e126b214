"""`acra-express export` as a process: formats, selections, and files that appear only when they are complete."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from pathlib import Path

import pytest
from db.builders import AT
from process import acra_express, started
from records.crowd import CAMPAIGN, crowd
from records.test_record_pages import decided

from acra_express_async.db.session.pool import Connection

DAY = timedelta(days=1)
LONG = 5_200
"""Companies: more than an export writes while a nightly runs."""


async def campaigns(owner: Connection, *ids: int) -> None:
    await owner.execute(
        "INSERT INTO acra_express.campaigns (campaign_id, enqueued_at) SELECT unnest($1::bigint[]), $2", list(ids), AT
    )


async def test_writes_the_chosen_format_to_standard_output(fresh_dsn: str, owner: Connection) -> None:
    await decided(owner, "201912345K", campaign=7)
    await decided(owner, "201912346E", "no_website", reason="no_proof", campaign=8)
    await campaigns(owner, 7)
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
    assert f"1 record in {wanted}" in err
    assert [row["uen"] for row in csv.DictReader(io.StringIO(wanted.read_text(encoding="utf-8")))] == ["201912346E"]


async def test_writes_what_changed_since_a_moment(fresh_dsn: str, owner: Connection) -> None:
    found = {"site": {"domain": "lotus.sg", "points": 90}, "phones": [{"number": "+6561112222"}]}
    await decided(owner, "201912345K", detail=found, campaign=7)
    await decided(owner, "201912346E", at=AT + DAY, job=2, detail=found, campaign=8)
    await decided(owner, "201912345K", "no_website", at=AT + DAY, job=3, reason="parked", detail={}, campaign=9)
    await campaigns(owner, 8)
    since = ("export", "--changed-since", "2026-03-02")
    code, out, err = await acra_express(*since, POSTGRES_DSN=fresh_dsn)
    assert (code, err) == (0, "")
    at = "2026-03-02T12:00:00.000000+08:00"
    assert list(csv.reader(io.StringIO(out, newline=""))) == [
        ["uen", "field", "before", "after", "at"],
        ["201912345K", "outcome", "enriched", "no_website", at],
        ["201912345K", "phones", "+6561112222", "", at],
        ["201912345K", "reason", "", "parked", at],
        ["201912345K", "website", "lotus.sg", "", at],
        ["201912346E", "outcome", "", "enriched", at],
        ["201912346E", "phones", "", "+6561112222", at],
        ["201912346E", "website", "", "lotus.sg", at],
    ]
    chosen = ("--outcome", "enriched", "--level", "certain", "--format", "jsonl")
    _, out, _ = await acra_express(*since, *chosen, POSTGRES_DSN=fresh_dsn)
    assert [json.loads(line)["uen"] for line in out.splitlines()] == ["201912346E"] * 3
    assert json.loads(out.splitlines()[1])["after"] == ["+6561112222"]
    chosen = ("--campaign", "8", "--reason", "parked")
    _, out, err = await acra_express(*since, *chosen, POSTGRES_DSN=fresh_dsn)
    assert (out, err) == ("uen,field,before,after,at\r\n", "no change in this selection\n")


async def test_the_help_says_that_pages_are_no_snapshot() -> None:
    code, out, _ = await acra_express("export", "--help")
    assert code == 0
    assert "a read of the moment per page, not one snapshot" in " ".join(out.split())


@pytest.mark.parametrize(
    ("name", "options", "start"),
    [
        ("z.XLSX", (), b"PK\x03\x04"),
        ("z.jsonl", (), b'{"uen"'),
        ("z.csv", (), b"uen,name"),
        ("z.txt", (), b"uen,name"),
        ("z.txt", ("--format", "jsonl"), b'{"uen"'),
        ("z.xlsx", ("--format", "xlsx"), b"PK\x03\x04"),
    ],
)
async def test_a_file_has_the_format_it_ends_in(
    fresh_dsn: str, owner: Connection, tmp_path: Path, name: str, options: tuple[str, ...], start: bytes
) -> None:
    await decided(owner, "201912345K")
    path = tmp_path / name
    code, _, err = await acra_express("export", "--output", str(path), *options, POSTGRES_DSN=fresh_dsn)
    assert code == 0, err
    assert path.read_bytes().lstrip(b"\xef\xbb\xbf").startswith(start)


async def test_ending_and_format_must_agree(fresh_dsn: str, tmp_path: Path) -> None:
    path = tmp_path / "z.xlsx"
    code, _, err = await acra_express("export", "--output", str(path), "--format", "csv", POSTGRES_DSN=fresh_dsn)
    assert (code, path.exists()) == (2, False)
    assert f"--output {path} ends in .xlsx, --format says csv: leave one of them out" in err


async def test_refuses_what_it_cannot_do_in_one_sentence(fresh_dsn: str, tmp_path: Path) -> None:
    missing = tmp_path / "nowhere" / "records.csv"
    code, _, err = await acra_express("export", "--output", str(missing), POSTGRES_DSN=fresh_dsn)
    assert (code, err) == (1, f"acra-express: cannot write {missing}: No such file or directory\n")
    code, _, err = await acra_express("export", "--since", "yesterday", POSTGRES_DSN=fresh_dsn)
    assert code == 2
    assert "'yesterday' is not a date" in err
    code, _, err = await acra_express("export", "--ssic", "x", POSTGRES_DSN=fresh_dsn)
    assert (code, err) == (1, "acra-express: 'x' is not an SSIC code\n")


async def test_says_which_asked_companies_have_no_record(fresh_dsn: str, owner: Connection, tmp_path: Path) -> None:
    await decided(owner, "201912345K")
    await decided(owner, "201912346E", "no_website", reason="parked")
    await owner.execute(
        "INSERT INTO staging_acra_companies (uen, entity_name, entity_status_description)"
        " VALUES ('199200001D', 'ROSE', 'Live Company')"
    )
    await owner.execute(
        "INSERT INTO acra_express.opt_outs (kind, value, recorded_at) VALUES ('company', $1, $2)", "199200002R", AT
    )
    listed = tmp_path / "uens.txt"
    listed.write_text("201912345K\n201912346E\n199200001D\n199200002R\n199200003W\n", encoding="utf-8")
    chosen = ("--uen-file", str(listed), "--outcome", "enriched", "--format", "jsonl")
    code, out, err = await acra_express("export", *chosen, POSTGRES_DSN=fresh_dsn)
    assert (code, [json.loads(line)["uen"] for line in out.splitlines()]) == (0, ["201912345K"])
    assert err.splitlines() == [
        "4 of 5 UENs have no record:",
        "  it has opted out: 199200002R",
        "  its last decision is not in the selection: 201912346E",
        "  it was never looked at: 199200001D",
        "  the registry does not know it: 199200003W",
    ]


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        ("--reason no_prof", 2, "no decision has the reason 'no_prof'; is no_proof meant?"),
        ("--reason xyzzy", 2, "no decision has the reason 'xyzzy'; the reasons are ambiguous, "),
        ("--outcome enriched --reason no_proof", 2, "the reason no_proof is one of no_website, not of enriched"),
        ("--outcome failed --level certain", 2, "a company with the outcome failed has none"),
        ("--reason parked --level certain", 2, "a company with the reason parked has none"),
        ("--since 2999-01-01", 2, "the moment lies in the future"),
        ("--campaign 999", 2, "there is no campaign 999; the known ones: acra-express campaigns list"),
        ("--ssic 99998", 0, "no record in this selection"),
        ("--outcome enriched --reason judged", 0, "no record in this selection"),
    ],
)
async def test_a_selection_without_sense_is_told(fresh_dsn: str, words: str, code: int, sentence: str) -> None:
    ended, _, err = await acra_express("export", *words.split(), POSTGRES_DSN=fresh_dsn)
    assert ended == code
    assert sentence in " ".join(err.split())


async def nightly(owner: Connection) -> int:
    """A job of the nightly that runs."""
    return int(
        await owner.fetchval(
            "INSERT INTO background_jobs (job_type, status, started_at)"
            " VALUES ('enrich_candidates', 'running', now()) RETURNING job_id"
        )
    )


async def test_a_long_export_waits_for_the_nightly(fresh_dsn: str, owner: Connection, tmp_path: Path) -> None:
    await crowd(owner, LONG, details=False)
    job_id = await nightly(owner)
    path = tmp_path / "records.csv"
    async with started("export", "--output", str(path), POSTGRES_DSN=fresh_dsn) as process:
        told = await process.line("waiting: ")
        assert f"the nightly's job {job_id} has been running since" in told
        assert "(--beside-nightly does not wait)" in told
        assert not path.exists()
        await owner.execute("UPDATE background_jobs SET status = 'done' WHERE job_id = $1", job_id)
        assert await process.ended() == 0
    assert process.lines[1:] == ["the nightly has ended: the export goes on", f"{LONG} records in {path}"]
    assert len(path.read_text(encoding="utf-8").splitlines()) == LONG + 1


@pytest.mark.parametrize(
    ("words", "settings"),
    [
        (("--beside-nightly",), {}),
        (("--campaign", "3"), {}),
        ((), {"ACRA_EXPRESS_STAND_BACK_WHILE_NIGHTLY_RUNS": "false"}),
    ],
)
async def test_an_export_that_need_not_wait_goes_on(
    fresh_dsn: str, owner: Connection, words: tuple[str, ...], settings: dict[str, str]
) -> None:
    await crowd(owner, LONG, details=False)
    await nightly(owner)
    code, out, err = await acra_express("export", *words, POSTGRES_DSN=fresh_dsn, **settings)
    assert (code, err) == (0, "")
    assert len(out.splitlines()) > CAMPAIGN


async def test_a_csv_for_excel_has_a_byte_order_mark(fresh_dsn: str, owner: Connection) -> None:
    await decided(owner, "201912345K")
    _, plain, _ = await acra_express("export", POSTGRES_DSN=fresh_dsn)
    _, marked, _ = await acra_express("export", "--bom", POSTGRES_DSN=fresh_dsn)
    assert marked == "\ufeff" + plain
    code, _, err = await acra_express("export", "--bom", "--format", "jsonl", POSTGRES_DSN=fresh_dsn)
    assert code == 2
    assert "--bom is for csv; a jsonl file needs none" in err
