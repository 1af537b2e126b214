"""Logs: valid JSON, no secrets or mail addresses, and one search finds all lines of a job or company."""

from __future__ import annotations

import io
import json
import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import httpx
import pytest
import structlog
from process import stage

from acra_express_async import logs
from acra_express_async.errors import in_words
from acra_express_async.models import Provider
from acra_express_async.sandbox.simulator import Fault
from acra_express_async.settings.tree import load_settings, secrets_of

KEY = "zb-0123+4567/89=abcdef"
WEBHOOK = "https://hooks.slack.com/services/T000/B000/planted-secret"
PASSWORD = "p%40ss-word"  # as written in a DSN; errors of the driver show p@ss-word
SETTINGS = load_settings(
    {
        "POSTGRES_DSN": f"postgresql://service:{PASSWORD}@db:5432/platform?sslpassword=key-file-word",
        "ZEROBOUNCE_API_KEY": KEY,
        "JINA_API_KEY": "jina_planted",
        "SLACK_WEBHOOK_URL": WEBHOOK,
    }
)
PLANTED = (
    KEY,
    quote(KEY, safe=""),
    quote_plus(KEY),
    "key-file-word",
    "tan.ah.kow%40orchid.sg",
    "jina_planted",
    "planted-secret",
    PASSWORD,
    "p@ss-word",
    "tan.ah.kow@orchid.sg",
    "tan.ah.kow",
)


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """The log stream of this test; the logging set-up is restored afterwards."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    sink = io.StringIO()
    logs.configure(level="INFO", form="json", secrets=secrets_of(SETTINGS), stream=sink)
    try:
        yield sink
    finally:
        root.handlers[:] = before
        root.setLevel(level)
        structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def raised(text: str) -> Exception:
    try:
        raise RuntimeError(text)
    except RuntimeError as error:
        return error


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("colour", "coloured"), [(True, True), (False, False)])
def test_a_terminal_gets_colour_unless_it_is_refused(stream: io.StringIO, colour: bool, coloured: bool) -> None:
    terminal = Terminal()
    logs.configure(level="INFO", form="console", stream=terminal, colour=colour)
    logs.logger("test").info("job.ended")
    assert ("\x1b[" in terminal.getvalue()) is coloured


def test_no_planted_secret_appears_in_any_log_form(stream: io.StringIO) -> None:
    log = logs.logger("test")
    url = f"https://api.zerobounce.net/v2/validate?api_key={KEY}&email=tan.ah.kow@orchid.sg"
    log.info("plain.text", url=url, dsn=SETTINGS.postgres_dsn.get_secret_value(), hook=WEBHOOK)
    log.info("nested", facts={"deep": [{"url": url}, (WEBHOOK,)], "set": {url}})
    log.info("as.escaped", url=f"https://x/v2/validate?k={quote(KEY, safe='')}&email=tan.ah.kow%40orchid.sg")
    log.info("word.alone", error="SSL error: key-file-word does not fit")
    log.info("as.key", facts={"tan.ah.kow@orchid.sg": 1, url: 2})
    log.info("objects", url=httpx.URL(url), path=Path("/tmp/tan.ah.kow@orchid.sg"), data=url.encode())
    log.info(f"in the event itself {url}")
    log.error("error.text", error=raised(f"could not fetch {url} p@ss-word"))
    log.error("error.trace", exc_info=raised(f"could not fetch {url} p@ss-word"))
    logging.getLogger("httpx").warning("HTTP Request: GET %s", url)
    logging.getLogger("asyncio").error("lost task", exc_info=raised(url))
    log.info("other.key", text='{"token": "jina_planted", "authorization": "Bearer something-else"}')
    for planted in PLANTED:
        assert planted not in stream.getvalue(), planted
    assert "something-else" not in stream.getvalue()
    assert len(lines(stream)) == 12


def test_httpx_does_not_log_the_urls_it_calls(stream: io.StringIO) -> None:
    logging.getLogger("httpx").info("HTTP Request: GET %s", "https://x")
    assert stream.getvalue() == ""


def test_a_database_outage_logs_no_tracebacks(stream: io.StringIO) -> None:
    """asyncpg logs one for each try to fill its pool, which filled a screen in a minute of outage."""
    logging.getLogger("asyncpg.pool").warning("Failed to restore the pool", exc_info=raised("away"))
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (TimeoutError(), "no answer in time"),
        (TimeoutError("5 s"), "TimeoutError: 5 s"),
        (ConnectionResetError(), "ConnectionResetError"),
        (OSError("refused"), "OSError: refused"),
    ],
)
def test_no_sentence_ends_in_a_colon(error: Exception, words: str) -> None:
    assert in_words(error) == words


def test_a_long_value_is_cut(stream: io.StringIO) -> None:
    logs.logger("test").info("page.read", text="x" * 100_000)
    assert len(stream.getvalue()) < 5_000


def deep(text: str, frames: int) -> Exception:
    """An error from `frames` calls down, as a library's stack or a nested page makes it."""

    def down(left: int) -> None:
        if left:
            down(left - 1)
        else:
            try:
                raise ConnectionResetError("the very first cause")
            except ConnectionResetError as first:
                raise RuntimeError(text) from first

    try:
        down(frames)
    except RuntimeError as error:
        return error
    raise AssertionError


@pytest.mark.parametrize("frames", [5, 100, 900])
def test_a_long_traceback_keeps_what_happened(stream: io.StringIO, frames: int) -> None:
    """The last line says it, and the first causes stand between the frames that are left out."""
    logs.logger("test").error("company.broke", exc_info=deep("save_outcome: no such column", frames))
    [event] = lines(stream)
    told = str(event["exception"])
    assert told.endswith("RuntimeError: save_outcome: no such column")
    assert "ConnectionResetError: the very first cause" in told
    assert "direct cause of the following exception" in told
    assert len(told) <= 4000


def test_an_error_group_keeps_its_inner_errors(stream: io.StringIO) -> None:
    group = ExceptionGroup("unhandled errors in a TaskGroup", [deep(f"worker {number}", 20) for number in range(4)])
    logs.logger("test").error("job.broke", exc_info=group)
    [event] = lines(stream)
    assert "RuntimeError: worker 3" in str(event["exception"])
    assert len(str(event["exception"])) <= 4000


def test_an_error_whose_message_is_a_page_keeps_its_name(stream: io.StringIO) -> None:
    page = "\n".join(f"    <p>line {number}</p>" for number in range(2000))
    logs.logger("test").error("company.broke", exc_info=raised(f"answer was <html>\n{page}\n</html>"))
    [event] = lines(stream)
    assert "RuntimeError: answer was <html>" in str(event["exception"])
    assert len(str(event["exception"])) <= 4000


async def test_logs_of_a_whole_run_are_correlated_and_clean(fresh_dsn: str, tmp_path: Path) -> None:
    """Each provider fails once: every line is JSON, every company and attempt has one line, nothing leaks."""
    async with stage(fresh_dsn, tmp_path) as standing:
        standing.simulator.faults.add(Fault(Provider.ZEROBOUNCE, "status", 503, count=1))
        standing.simulator.faults.add(Fault(Provider.JINA, "bad_json", count=1))
        await standing.enqueue({"uens": standing.uens[:10]})
        service = await standing.start("run", "--until-idle", LOG_LEVEL="INFO")
        assert await service.ended() == 0
        events = [json.loads(line) for line in service.lines]
        ended = [event for event in events if event["event"] == "company.ended"]
        outcomes = await standing.outcomes()
        assert Counter(event["uen"] for event in ended) == {uen: len(kinds) for uen, kinds in outcomes.items()}
        assert ended
        about = [event for event in events if "company_id" in event]
        assert {event["event"] for event in about} >= {"company.ended", "provider.try_failed"}
        for event in about:
            assert all(event[key] for key in ("uen", "company_id", "campaign_id", "job_id")), event
        assert {event["job_type"] for event in events if event["event"] == "job.claimed"} == {"staging", "enrichment"}
        assert {event["state"] for event in events if event["event"] == "job.ended"} <= {"done", "snoozed", "due"}
        assert all(event["timestamp"].endswith("+08:00") for event in events)
        claimed = Counter(event["job_id"] for event in events if event["event"] == "job.claimed")
        assert claimed == Counter(event["job_id"] for event in events if event["event"] == "job.ended")
        text = "\n".join(service.lines)
        secrets = [value for name, value in standing.environ.items() if name.endswith(("__API_KEY", "WEBHOOK_URL"))]
        addresses = list(standing.simulator.ledger.verifications_sent)
        assert secrets
        assert addresses
        for planted in secrets + addresses:
            assert planted not in text, planted


def test_the_console_format_is_readable_and_redacted(stream: io.StringIO) -> None:
    sink = io.StringIO()
    logs.configure(level="INFO", form="console", secrets=secrets_of(SETTINGS), stream=sink)
    logs.logger("worker").info("job.ended", job_id=7, url=f"https://x?api_key={KEY}")
    said = sink.getvalue()
    assert "job.ended" in said
    assert "job_id=7" in said
    assert KEY not in said
    assert not said.startswith("{")


@pytest.mark.parametrize(("form", "pattern"), [("json", '"uen": "201912345K"'), ("console", "uen=201912345K")])
def test_the_documented_grep_finds_a_companys_lines(form: str, pattern: str) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    assert f"`grep '{pattern}' LOG | tail`" in readme
    sink = io.StringIO()
    logs.configure(level="INFO", form=form, stream=sink)
    logs.logger("jobs").info("company.ended", uen="201912345K", job_id=7)
    assert pattern in sink.getvalue()
