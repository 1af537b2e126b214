"""Containers of the image under test, in the engine named by DOCKER_HOST; bin/image starts these tests."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from process import Process

from acra_express_async.sandbox.postgres import free_port

HARDENING = (
    *("--network", "host"),  # the engine of bin/image has no bridge; database and simulator listen on loopback
    "--read-only",  # and without /tmp, because the service writes nothing
    *("--cap-drop", "ALL"),
    *("--security-opt", "no-new-privileges"),
    *("--memory", "512m"),
    *("--health-interval", "1s"),
)


def docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one command of the engine's client."""
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)


@dataclass(frozen=True, slots=True)
class Image:
    """The image under test and its base image."""

    name: str
    base: str

    def inspected(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(docker("image", "inspect", self.name).stdout)[0]
        return found

    def bytes_beyond_base(self) -> int:
        base = json.loads(docker("image", "inspect", self.base).stdout)[0]
        return int(self.inspected()["Size"]) - int(base["Size"])

    def python(self, program: str) -> str:
        """The output of a Python program inside the image, with the same interpreter and hardening as the service."""
        done = docker("run", "--rm", *HARDENING, "--entrypoint", "python3", self.name, "-c", program)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def command(self, *arguments: str, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Run `acra-express ARGUMENTS` in a new container."""
        return docker("run", "--rm", *HARDENING, *_settings(environ), self.name, *arguments)

    def shell(self, script: str, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Run a script in a new container that has a /tmp like in compose."""
        return docker(
            "run",
            "--rm",
            *HARDENING,
            "--tmpfs",
            "/tmp",
            *_settings(environ),
            "--entrypoint",
            "sh",
            self.name,
            "-euc",
            script,
        )

    async def first_line(self, *command: str) -> str:
        """The first line of a long-running command; its container is removed afterwards."""
        name = f"acra-express-{secrets.token_hex(4)}"
        client = await asyncio.create_subprocess_exec(
            "docker",
            "run",
            "--name",
            name,
            *HARDENING,
            "--entrypoint",
            command[0],
            self.name,
            *command[1:],
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            assert client.stdout is not None
            async with asyncio.timeout(60):
                return (await client.stdout.readline()).decode()
        finally:
            docker("rm", "--force", name)
            await client.communicate()


class Container(Process):
    """A running service, with `event` and `ended` like any process."""

    def __init__(self, client: asyncio.subprocess.Process, name: str, port: int) -> None:
        super().__init__(client)
        self.name = name
        self.port = port

    def send(self, signal: str) -> None:
        """Send a signal to the process inside, as an orchestrator does."""
        assert docker("kill", "--signal", signal, self.name).returncode == 0

    async def healthy(self) -> None:
        """Wait until the engine reports it healthy."""
        async with asyncio.timeout(60):
            events = await asyncio.create_subprocess_exec(
                "docker",
                "events",
                "--since",
                "10m",
                "--filter",
                f"container={self.name}",
                "--filter",
                "event=health_status",
                "--format",
                "{{.Status}}",
                stdout=asyncio.subprocess.PIPE,
            )
            try:
                assert events.stdout is not None
                while line := await events.stdout.readline():
                    if line.strip() == b"health_status: healthy":
                        return
                raise AssertionError("the engine's events ended before the container was healthy")
            finally:
                events.kill()
                await events.wait()

    def probe(self, port: int) -> int:
        """The exit code of the image's health check when it probes another port."""
        words = json.loads(docker("inspect", "--format", "{{json .Config.Healthcheck.Test}}", self.name).stdout)
        assert words[0] == "CMD"
        return docker("exec", "--env", f"ACRA_EXPRESS_HTTP__PORT={port}", self.name, *words[1:]).returncode

    async def get(self, path: str) -> httpx.Response:
        async with httpx.AsyncClient() as client:
            return await client.get(f"http://127.0.0.1:{self.port}{path}")


@asynccontextmanager
async def service(image: Image, environ: Mapping[str, str], **settings: str) -> AsyncIterator[Container]:
    """`acra-express run` with the settings of the stage and further ones, named without the prefix."""
    name, port = f"acra-express-{secrets.token_hex(4)}", free_port()
    extra = {f"ACRA_EXPRESS_{key}": value for key, value in settings.items()}
    extra["ACRA_EXPRESS_HTTP__PORT"] = str(port)
    client = await asyncio.create_subprocess_exec(
        "docker",
        "run",
        "--name",
        name,
        *HARDENING,
        *_settings({**environ, **extra}),
        image.name,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        limit=1 << 20,
    )
    container = Container(client, name, port)
    try:
        yield container
    finally:
        docker("rm", "--force", name)
        await container.ended()


def _settings(environ: Mapping[str, str]) -> list[str]:
    return [f"--env={name}={value}" for name, value in environ.items() if name.startswith("ACRA_EXPRESS_")]


def image_under_test() -> Image | None:
    name, base = os.environ.get("IMAGE_UNDER_TEST"), os.environ.get("IMAGE_BASE")
    return Image(name, base) if name and base else None
