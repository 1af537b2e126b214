"""Fixtures shared by all tests: one embedded PostgreSQL a session (and xdist worker), a fresh database a test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from acra_express_async.sandbox.postgres import EmbeddedPostgres


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run also what takes minutes")
    parser.addoption("--require-tools", action="store_true", help="a missing outside tool is a failure, not a skip")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--slow"):
        for item in items:
            if item.get_closest_marker("slow"):
                item.add_marker(pytest.mark.skip(reason="slow tier: bin/test --slow"))


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """A real server for the whole session; `postgres.dsn(name)` reaches a database of it as superuser."""
    with EmbeddedPostgres() as server:
        yield server
