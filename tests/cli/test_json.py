"""`--json` of every command: one object, lists under `items`, moments with the service's offset, errors on stderr."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from process import acra_express

from acra_express_async.cli import main
from acra_express_async.db.session.pool import Connection
from acra_express_async.sandbox.postgres import free_port

MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d")
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+08:00")
FIRST, SECOND = "201912345K", "201912346E"

STORY = [
    ("check", "--json"),
    ("plan", "--json"),
    ("load-registry", "--json", "REGISTRY"),
    ("load-ssic", "--json", "SSIC"),
    ("terms", "--json", "bakery"),
    ("freshness", "--json"),
    ("breakers", "list", "--json"),
    ("enqueue", "--json", "--uen", FIRST, "--uen", SECOND, "--name", "two"),
    ("campaigns", "list", "--json"),
    ("campaigns", "show", "ID", "--json"),
    ("jobs", "list", "--json"),
    ("jobs", "show", "ID", "--json"),
    ("jobs", "show", "ID", "--batch", "--json"),
    ("pause", "--json"),
    ("resume", "--json"),
    ("explain", FIRST, "--json"),
    ("jobs", "cancel", "ID", "--batch", "--json"),
    ("jobs", "retry", "ID", "--batch", "--json"),
    ("campaigns", "cancel", "ID", "--json"),
    ("campaigns", "wait", "ID", "--json"),
    ("site", SECOND, "--none", "--by", "mei", "--no-run", "--json"),
    ("contact", SECOND, "+6561112222", "--reject", "--by", "mei", "--json"),
    ("judge", "JUDGEMENTS", "--by", "mei", "--no-run", "--json"),
    ("judgements", "list", "--json"),
    ("review", "--json"),
    ("accuracy", "--json"),
    ("forget", FIRST, "--yes", "--json"),
    ("optouts", "list", "--json"),
    ("status", "--json"),
    ("optouts", "remove", FIRST, "--by", "Mei Ling", "--json"),
]
"""Every command with `--json`, in an order in which each can succeed; ID is the campaign's."""
LISTS = ("check", "plan", "terms", "load-registry", ("campaigns", "show"))
"""Commands besides the lists whose answer holds a list."""
ELSEWHERE = {
    ("simulate",),  # takes minutes: tests/simulation/test_days.py
    ("campaigns", "retry"),  # needs a failed company: tests/service
    ("breakers", "probe"),  # needs a running service: tests/service/test_breaker_commands.py
}


def with_json(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from with_json(command, (*path, name))
        elif any("--json" in option.opts for option in command.params):
            yield (*path, name)


def test_every_command_with_json_is_tried() -> None:
    tried = {tuple(word for word in words if re.fullmatch("[a-z-]+", word) and "--" not in word) for words in STORY}
    for command in with_json(main):
        assert command in ELSEWHERE or any(words[: len(command)] == command for words in tried), command


def strings(value: Any) -> Iterator[str]:
    """Every string, but those of params, which are shown as they stand in the row."""
    if isinstance(value, str):
        yield value
    if isinstance(value, dict):
        value = [inner for key, inner in value.items() if key != "params"]
    for inner in value if isinstance(value, list) else ():
        yield from strings(inner)


def well_formed(text: str) -> dict[str, Any]:
    assert text.count("\n") == 1
    answer = json.loads(text)
    assert isinstance(answer, dict)
    for said in strings(answer):
        assert not MOMENT.match(said) or RFC3339.fullmatch(said), said
    return answer


async def test_every_answer_is_an_object_with_rfc3339_moments(
    fresh_dsn: str, owner: Connection, tmp_path: Path
) -> None:
    files = {name: tmp_path / f"{name}.csv" for name in ("REGISTRY", "SSIC", "JUDGEMENTS")}
    files["JUDGEMENTS"].write_text(f"uen,field,value,judgement\n{SECOND},site,zylo.sg,reject\n", encoding="utf-8")
    files["REGISTRY"].write_text(
        f"uen,entity_name,entity_status_description,primary_ssic_code\n{FIRST},A,Live Company,10712\n"
        f"{SECOND},B,Live Company,10712\n",
        encoding="utf-8",
    )
    files["SSIC"].write_text("code,title\n10712,Bakery products\n", encoding="utf-8")
    named = {name: str(path) for name, path in files.items()}
    for words in STORY:
        arguments = [named.get(word, word) for word in words]
        code, out, err = await acra_express(*arguments, POSTGRES_DSN=fresh_dsn)
        assert code == (1 if words[1:2] == ("wait",) else 0), (words, out, err)
        answer = well_formed(out)
        if words[1:2] == ("list",) or words[0] in LISTS or words[:2] in LISTS:
            assert isinstance(answer["items"], list), words
            assert answer["items"] or words[:2] == ("campaigns", "show"), words
        if words[0] == "enqueue":
            named["ID"] = str(answer["job_id"])


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("jobs", "retry", "4711", "--json"), 2, "there is no express job 4711"),
        (("campaigns", "wait", "4711", "--json"), 2, "there is no campaign 4711"),
        (("campaigns", "show", "4711", "--json"), 2, "there is no campaign 4711"),
        (("jobs", "list", "--json", "--limit", "no"), 2, "Invalid value for '--limit'"),
        (("jobs", "nosuch", "--json"), 2, "No such command"),
        (("enqueue", "--json"), 2, "name at least one"),
        (("load-registry", "--json", "/nowhere.csv"), 1, "/nowhere.csv cannot be read: No such file or directory"),
        (("explain", "--json", "201900001Z"), 1, "is not in the registry"),
        (("forget", "--json", FIRST), 1, "not confirmed (--yes does not ask); nothing was done"),
    ],
)
async def test_an_error_is_one_object_on_stderr(
    fresh_dsn: str, owner: Connection, words: tuple[str, ...], code: int, said: str
) -> None:
    found, out, err = await acra_express(*words, POSTGRES_DSN=fresh_dsn)
    assert (found, out) == (code, "")
    assert said in json.loads(err)["error"]


async def test_check_of_a_dead_database_is_an_error_too() -> None:
    """Its findings stand on standard output, and what is wrong in one object on stderr, as for every command."""
    nowhere = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    code, out, err = await acra_express("check", "--json", POSTGRES_DSN=nowhere)
    assert code == 78
    assert any(finding["word"] == "FAIL" for finding in json.loads(out)["items"])
    assert "127.0.0.1" in json.loads(err)["error"]


async def test_a_wrong_setting_is_one_object_too() -> None:
    code, out, err = await acra_express("jobs", "list", "--json", POSTGRES_DSN="nonsense")
    assert (code, out) == (78, "")
    assert set(json.loads(err)) == {"error"}
