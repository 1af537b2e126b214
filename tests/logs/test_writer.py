"""The log's way to stderr: logging never waits, lost lines are counted, and the log reports them."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from logs.readers import Pipe, pipe

from acra_express_async import logs
from acra_express_async.logs import LineWriter
from acra_express_async.logs.writer import StrayLines, detached_stderr, say_to_stderr
from acra_express_async.runtime.health import Health
from acra_express_async.runtime.watchdog import OVERTIME_SECONDS, Watchdog


@pytest.fixture
def reader() -> Iterator[Pipe]:
    with pipe() as made:
        yield made


@pytest.fixture
def root() -> Iterator[None]:
    """Restore the logging of the process afterwards."""
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    yield
    logging.getLogger().handlers[:] = handlers
    logging.getLogger().setLevel(level)
    structlog.reset_defaults()


def test_lines_arrive_in_order(reader: Pipe) -> None:
    writer = LineWriter(reader.writing)
    for number in range(100):
        writer.write(f"line {number}\n")
    assert writer.drained(30)
    assert reader.read() == "".join(f"line {number}\n" for number in range(100))
    assert writer.dropped == 0


def test_a_stuck_reader_costs_lines_not_time(reader: Pipe) -> None:
    reader.fill()
    writer = LineWriter(reader.writing, most_lines=10)
    for number in range(100):
        writer.write(f"line {number}\n")
    # the thread may already have taken one
    assert 89 <= writer.dropped <= 90
    assert not writer.drained(0.01)
    reader.read()
    assert writer.drained(30)
    said = reader.read()
    assert "line 0\n" in said
    assert f"{writer.dropped} lines of the log were dropped\n" in said


def test_a_reader_that_hung_up_is_counted_and_tried_again(tmp_path: Path) -> None:
    with pipe() as gone:
        gone.hang_up()
        writer = LineWriter(gone.writing)
        writer.write("lost\n")
        assert writer.drained(30)
        assert writer.dropped == 1
        # a new reader takes over, like a restarted log driver
        with (tmp_path / "log").open("wb") as log:
            os.dup2(log.fileno(), gone.writing)
        writer.write("kept\n")
        assert writer.drained(30)
    assert (tmp_path / "log").read_text() == "kept\n1 lines of the log were dropped\n"


def test_a_full_disk_is_counted() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        writer = LineWriter(full)
        writer.write("lost\n")
        assert writer.drained(30)
        assert writer.dropped == 1
    finally:
        os.close(full)


def test_a_process_without_stderr_counts_every_line() -> None:
    writer = LineWriter(None)
    writer.write("lost\n")
    assert writer.dropped == 1
    assert writer.drained(30)
    assert not writer.isatty()


def test_a_pipe_that_others_made_non_blocking_is_waited_for(reader: Pipe) -> None:
    reader.fill()
    os.set_blocking(reader.writing, False)
    writer = LineWriter(reader.writing)
    writer.write("late\n")
    assert not writer.drained(0.01)
    reader.read()
    assert writer.drained(30)
    assert (reader.read(), writer.dropped) == ("late\n", 0)


def test_no_text_is_too_odd_to_write(reader: Pipe) -> None:
    writer = LineWriter(reader.writing)
    writer.write("half \ud800 of a pair\n")
    assert writer.drained(30)
    assert reader.read() == "half \\ud800 of a pair\n"


def test_the_log_says_what_it_lost_in_its_own_form(reader: Pipe, root: None) -> None:
    reader.fill()
    writer = LineWriter(reader.writing, most_lines=1)
    logs.configure(level="INFO", form="json", stream=writer)
    for number in range(5):
        logs.logger("test").info("page.read", number=number)
    reader.read()
    assert writer.drained(30)
    events = [json.loads(line) for line in reader.read().splitlines()]
    assert events[0]["event"] == "page.read"
    [lost] = [event for event in events if event["event"] == "log.dropped"]
    assert lost["lines"] == writer.dropped > 0
    assert (lost["level"], lost["logger"]) == ("warning", "logs")
    assert "timestamp" in lost


def test_what_others_print_takes_the_same_way(root: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The print of a library and a lost exception show no secret and do not wait for the reader either."""
    with pipe() as reader:
        writer = LineWriter(reader.writing)
        logs.configure(level="INFO", form="json", secrets=["planted-secret"], stream=writer)
        monkeypatch.setattr(sys, "stderr", StrayLines(writer))
        print("half a", end=" ", file=sys.stderr)
        print("line with planted-secret", file=sys.stderr)
        try:
            raise RuntimeError("planted-secret was refused")
        except RuntimeError:
            traceback.print_exc()
        assert writer.drained(30)
        said = reader.read()
    assert said.startswith("half a line with ***\n")
    assert "RuntimeError: *** was refused\n" in said
    assert "planted-secret" not in said


def test_stderr_comes_back_when_the_service_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    with pipe() as reader, os.fdopen(os.dup(reader.writing), "w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        with detached_stderr() as writer:
            print("inside", file=sys.stderr)
            assert sys.stderr is not stream
        assert sys.stderr is stream
        assert reader.read() == "inside\n"
        assert writer.dropped == 0


def test_a_last_sentence_neither_waits_nor_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    with pipe() as reader, os.fdopen(os.dup(reader.writing), "w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        say_to_stderr("first")
        assert reader.read() == "first\n"
        reader.hang_up()
        say_to_stderr("second")
    monkeypatch.setattr(sys, "stderr", None)
    say_to_stderr("third")


def test_the_watchdog_leaves_while_the_log_is_stuck(reader: Pipe, root: None) -> None:
    """With a stuck reader, no lock of logging keeps the watchdog from ending the process."""
    reader.fill()
    writer = LineWriter(reader.writing)
    logs.configure(level="INFO", form="json", stream=writer)
    for handler in logging.getLogger().handlers:
        handler.acquire()  # as a thread that is stuck inside the handler
    clock = [1000.0]
    left: list[int] = []
    health = Health(lambda: clock[0])
    health.ends_by = clock[0]
    clock[0] += OVERTIME_SECONDS + 1
    looking = threading.Thread(target=Watchdog(health, said=writer.drained, leave=left.append).look, daemon=True)
    looking.start()
    looking.join(60)
    assert left == [1]
