"""A real Alertmanager with our configuration sends Slack only what the service cannot report about itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from process import stage
from tools import run

from acra_express_async.sandbox.postgres import free_port

from .conftest import CONFIG
from .observers import watched

Tool = Callable[..., str]


@pytest.mark.tools
async def test_alertmanager_reports_a_missing_target_not_the_ratio(tool: Tool, fresh_dsn: str, tmp_path: Path) -> None:
    binary, amtool = tool("prometheus-alertmanager", "alertmanager"), tool("amtool")
    async with stage(fresh_dsn, tmp_path) as standing:
        simulator, port = standing.simulator, free_port()
        (tmp_path / "webhook").write_text(simulator.webhook_url, encoding="utf-8")
        config = (CONFIG / "alertmanager" / "alertmanager.yml").read_text(encoding="utf-8")
        config = config.replace("/etc/alertmanager/slack_webhook_url", str(tmp_path / "webhook"))
        (tmp_path / "alertmanager.yml").write_text(config.replace("group_wait: 30s", "group_wait: 0s"))
        with watched(
            [
                binary,
                f"--config.file={tmp_path / 'alertmanager.yml'}",
                f"--storage.path={tmp_path / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--cluster.listen-address=",
            ],
            tmp_path / "alertmanager.log",
        ) as alertmanager:
            url = f"http://127.0.0.1:{port}"

            async def ready() -> bool:
                return run(amtool, f"--alertmanager.url={url}", "alert", "query").returncode == 0

            await alertmanager.until(ready, "itself ready")
            for name, teller in (("AcraExpressFailureRatio", "service"), ("AcraExpressTargetMissing", "alertmanager")):
                added = run(
                    amtool,
                    f"--alertmanager.url={url}",
                    "alert",
                    "add",
                    f"alertname={name}",
                    f"teller={teller}",
                    "severity=critical",
                    "--annotation=summary=Prometheus reaches no process",
                    "--annotation=runbook_url=http://localhost:8080/runbook#target-missing",
                )
                assert added.returncode == 0, added.stderr

            async def told() -> bool:
                return bool(simulator.slack.messages)

            await alertmanager.until(told, "a message in Slack")
        [message] = simulator.slack.messages
        assert "[FIRING] AcraExpressTargetMissing" in str(message)
        assert "http://localhost:8080/runbook#target-missing" in str(message)
