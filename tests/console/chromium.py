"""A headless Chromium, driven over the DevTools protocol: pages, keys, the console, pictures, axe-core."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--no-first-run",
    "--remote-debugging-port=0",
)
STEP_SECONDS = 60


class Tab:
    """One page. Every wait ends with an error after `STEP_SECONDS`."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0
        self._session: str | None = None
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._loaded = asyncio.Event()
        self.complaints: list[str] = []
        self.downloaded = asyncio.Event()

    async def listen(self) -> None:
        """Hand answers and events out until the browser is gone."""
        async for message in self._socket:
            told = json.loads(message.data)
            if "id" in told:
                self._answers.pop(told["id"]).set_result(told)
            elif told["method"] == "Page.loadEventFired":
                self._loaded.set()
            elif told["method"] == "Log.entryAdded":
                if told["params"]["entry"]["text"].startswith("Autofocus processing was blocked"):
                    continue  # this hand was faster than the browser: it had begun to type in a field already
                self.complaints.append(f"{told['params']['entry']['text']} {told['params']['entry'].get('url')}")
            elif told["method"] == "Runtime.exceptionThrown":
                self.complaints.append(str(told["params"]["exceptionDetails"]))
            elif told["method"] == "Page.javascriptDialogOpening":
                await self._send("Page.handleJavaScriptDialog", {"accept": True})
            elif told["method"] == "Browser.downloadProgress" and told["params"]["state"] == "completed":
                self.downloaded.set()

    async def open(self, downloads: Path) -> None:
        """Make the tab."""
        target = await self._ask("Target.createTarget", {"url": "about:blank"})
        attached = await self._ask("Target.attachToTarget", {"targetId": target["targetId"], "flatten": True})
        await self._ask(
            "Browser.setDownloadBehavior",
            {"behavior": "allow", "downloadPath": str(downloads), "eventsEnabled": True},
        )
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            await self._ask(f"{domain}.enable")

    async def goto(self, url: str) -> None:
        self._loaded.clear()
        await self._ask("Page.navigate", {"url": url})
        await self._load()

    async def run(self, script: str) -> Any:
        """The value of an expression; a promise is awaited."""
        answer = await self._ask(
            "Runtime.evaluate", {"expression": script, "returnByValue": True, "awaitPromise": True}
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def text(self) -> str:
        return str(await self.run("document.body.innerText"))

    async def type_into(self, selector: str, text: str) -> None:
        assert await self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); "
            "if (e) { e.focus(); e.select && e.select(); } return Boolean(e); })()"
        ), selector
        await self._ask("Input.insertText", {"text": text})

    async def press(self, key: str, *, leads_on: bool = True) -> None:
        """Press a key of the keyboard; with `leads_on` wait for the page that it leads to."""
        self._loaded.clear()
        code = {"Enter": 13, "Escape": 27, "Tab": 9}.get(key, ord(key.upper()[0]))
        text = "\r" if key == "Enter" else key if len(key) == 1 else ""
        about = {"key": key, "windowsVirtualKeyCode": code, "code": f"Key{key.upper()}" if len(key) == 1 else key}
        await self._ask("Input.dispatchKeyEvent", about | {"type": "keyDown", "text": text})
        await self._ask("Input.dispatchKeyEvent", about | {"type": "keyUp"})
        if leads_on:
            await self._load()

    async def click(self, selector: str, *, leads_on: bool = True) -> None:
        self._loaded.clear()
        found = await self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); if (e) e.click(); "
            "return Boolean(e); })()"
        )
        assert found, (selector, await self.text())
        if leads_on:
            await self._load()

    async def picture(self, path: Path, *, width: int, height: int, dark: bool = False) -> None:
        """Save the page as it looks in a window of this size."""
        await self.look(width=width, height=height, dark=dark)
        answer = await self._ask("Page.captureScreenshot", {"format": "png", "captureBeyondViewport": False})
        await asyncio.to_thread(path.write_bytes, base64.b64decode(answer["data"]))

    async def look(self, *, width: int, height: int, dark: bool = False) -> None:
        """The size of the window, and whether the person prefers a dark page."""
        await self._ask(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self._ask("Emulation.setEmulatedMedia", {"features": [scheme]})

    async def without_script(self, *, off: bool) -> None:
        await self._ask("Emulation.setScriptExecutionDisabled", {"value": off})

    async def axe(self, source: str) -> list[str]:
        """What axe-core finds that is serious or critical. It runs beside our policy, as a test tool may."""
        await self._ask("Runtime.evaluate", {"expression": source})
        found = await self.run("axe.run(document).then(r => r.violations)")
        return [
            f"{each['id']}: {node['html'][:200]} {node.get('failureSummary', '')[:300]}"
            for each in found
            if each["impact"] in ("serious", "critical")
            for node in each["nodes"]
        ]

    async def _load(self) -> None:
        async with asyncio.timeout(STEP_SECONDS):
            await self._loaded.wait()

    async def _ask(self, method: str, values: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = await self._send(method, values)
        async with asyncio.timeout(STEP_SECONDS):
            told = await answer
        assert "error" not in told, (method, told)
        result = told["result"]
        assert isinstance(result, dict)
        return result

    async def _send(self, method: str, values: dict[str, Any] | None = None) -> asyncio.Future[dict[str, Any]]:
        self._number += 1
        answer = self._answers[self._number] = asyncio.get_running_loop().create_future()
        message: dict[str, Any] = {"id": self._number, "method": method, "params": values or {}}
        if self._session is not None and not method.startswith(("Target.", "Browser.")):
            message["sessionId"] = self._session
        await self._socket.send_json(message)
        return answer


@asynccontextmanager
async def browsing(chromium: str, folder: Path) -> AsyncIterator[Tab]:
    """A tab of a new browser with an empty profile."""
    downloads = folder / "downloads"
    downloads.mkdir()
    process = await asyncio.create_subprocess_exec(
        chromium,
        *FLAGS,
        f"--user-data-dir={folder / 'profile'}",
        "about:blank",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(STEP_SECONDS):
            while b"DevTools listening on " not in (line := await process.stderr.readline()):
                assert line, "the browser ended"
        draining = asyncio.create_task(_drain(process.stderr))
        async with (
            aiohttp.ClientSession() as http,
            http.ws_connect(line.decode().split(" on ", 1)[1].strip(), max_msg_size=0) as socket,
        ):
            tab = Tab(socket)
            listening = asyncio.create_task(tab.listen())
            await tab.open(downloads)
            yield tab
            listening.cancel()
        draining.cancel()
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _drain(stream: asyncio.StreamReader) -> None:
    while await stream.readline():
        continue
