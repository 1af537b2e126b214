"""config/compose.yaml as a project in the engine named by DOCKER_HOST; bin/image starts these tests."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shlex
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from process import Process
from tools import ROOT

from acra_express_async.sandbox.postgres import free_port

from .engine import Image, docker

COMPOSE = ROOT / "config" / "compose.yaml"
LABEL = "com.docker.compose.project"


@dataclass(frozen=True, slots=True)
class Project:
    """`command` is Compose; all names belong to this project only."""

    command: tuple[str, ...]
    name: str
    port: int
    environ: Mapping[str, str]
    overlays: tuple[str, ...] = ()

    def _words(self, *arguments: str) -> list[str]:
        files = (COMPOSE, *(COMPOSE.with_name(f"compose.{name}.yaml") for name in self.overlays))
        named = [word for file in files for word in ("--file", str(file))]
        return [*self.command, "--project-name", self.name, *named, "--profile", "*", *arguments]

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one Compose command."""
        return subprocess.run(
            self._words(*arguments), capture_output=True, text=True, check=False, env=dict(self.environ)
        )

    def up(self, *services: str) -> None:
        """Run the command from the head of the file, but in the background and with the image under test.

        Returns when the one-off services have exited with 0 and the others are started and healthy.
        """
        done = self("up", "--detach", "--no-build", "--wait", *services)
        assert done.returncode == 0, done.stderr + self("logs", "--no-color").stdout[-4000:]

    def exit_codes(self) -> dict[str, int]:
        """The exit code of each stopped service."""
        lines = self("ps", "--all", "--format", "json").stdout.splitlines()
        found = [json.loads(line) for line in lines]
        return {row["Service"]: row["ExitCode"] for row in found if row["State"] == "exited"}

    def left(self) -> dict[str, str]:
        """The remaining objects of the project in the engine, by kind."""
        mine = ("--quiet", "--filter", f"label={LABEL}={self.name}")
        kinds = {"containers": ("ps", "--all"), "networks": ("network", "ls"), "volumes": ("volume", "ls")}
        return {kind: docker(*words, *mine).stdout for kind, words in kinds.items()}

    def asked(self, service: str, url: str) -> Any:
        """The JSON answer of a URL, requested inside a service's network."""
        program = f"import sys, urllib.request as u; sys.stdout.buffer.write(u.urlopen({url!r}).read())"
        done = self("exec", "--no-TTY", service, "python3", "-c", program)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def query(self, statement: str) -> list[str]:
        """The lines that the database returns."""
        done = self(
            "exec",
            "--no-TTY",
            "postgres",
            "psql",
            "--username",
            "postgres",
            "--dbname",
            "platform",
            "--no-align",
            "--tuples-only",
            "--command",
            statement,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    @asynccontextmanager
    async def log(self, service: str) -> AsyncIterator[Process]:
        """The log lines of a service from its start, as events."""
        # Read from the engine, because Compose puts escape sequences before each line.
        client = await asyncio.create_subprocess_exec(
            "docker",
            "logs",
            "--follow",
            f"{self.name}-{service}-1",
            env=dict(self.environ),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            limit=1 << 20,
        )
        following = Process(client)
        try:
            yield following
        finally:
            await following.kill()


@asynccontextmanager
async def project(image: Image, *overlays: str) -> AsyncIterator[Project]:
    """A new project on a free port and the next one, for a second replica; at the end all it created is removed."""
    port = free_port()
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "DOCKER_HOST") if name in os.environ}
    command = tuple(shlex.split(os.environ["COMPOSE_UNDER_TEST"]))
    name = f"acra-express-{secrets.token_hex(4)}"
    ports = {"PORT": str(port), "LAST_PORT": str(port + 1)}
    made = Project(command, name, port, kept | {"IMAGE": image.name} | ports, overlays)
    try:
        yield made
    finally:
        made("down", "--volumes", "--timeout", "0")
