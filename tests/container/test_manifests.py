"""Compose, Kubernetes and Dockerfile: valid by their schemas, and consistent with settings and version."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tools import ROOT, require_tool, run

from acra_express_async import __version__
from acra_express_async.models import Provider
from acra_express_async.sandbox import registry_sample
from acra_express_async.sandbox.demo_run import settings_for
from acra_express_async.sandbox.simulator import Options, Simulator
from acra_express_async.sandbox.world import World
from acra_express_async.settings.environment import PREFIX, known_names
from acra_express_async.settings.tree import Settings

CONFIG = ROOT / "config"
COMPOSE = CONFIG / "compose.yaml"
BASE = CONFIG / "kubernetes" / "base"
MONITORING = CONFIG / "kubernetes" / "monitoring"
SPARE_SECONDS = 20
"""Seconds beyond DRAIN_SECONDS that an orchestrator must allow before it kills."""
PREPARERS = ("base_image", "from_next_debian", "postgres_entrypoint", "with_loopback")
"""Scripts with which bin/image prepares its tests."""
AT_LEAST = 6
"""Resource manifests of the base; fewer would mean that this test no longer finds them."""

Tool = Callable[..., str]


@pytest.fixture
def tool(request: pytest.FixtureRequest) -> Tool:
    def find(*names: str) -> str:
        return require_tool(request.config, *names)

    return find


def seconds(pattern: str, file: Path) -> float:
    found = re.search(pattern, file.read_text(encoding="utf-8"))
    assert found is not None, (pattern, file)
    return float(found[1])


def rules_of(manifest: str) -> str:
    """The content below `spec:`, in the form that Prometheus reads."""
    return re.sub(r"(?m)^  ", "", manifest.split("\nspec:\n", 1)[1])


@pytest.mark.tools
def test_hadolint_finds_no_fault(tool: Tool) -> None:
    done = run(tool("hadolint"), "Dockerfile")
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.tools
def test_shellcheck_finds_no_fault(tool: Tool) -> None:
    scripts = sorted(path for path in (ROOT / "bin").iterdir() if path.is_file())
    done = run(tool("shellcheck"), *scripts, *(f"tests/container/{name}" for name in PREPARERS), ".ci/run")
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.tools
def test_the_compose_file_is_valid(tool: Tool) -> None:
    files = (COMPOSE, COMPOSE.with_name("compose.pgbouncer.yaml"))
    done = run(tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", *files)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.tools
@pytest.mark.parametrize("version", ["1.30", "1.33"])
def test_the_kubernetes_manifests_are_valid(tool: Tool, version: str) -> None:
    files = sorted(path for path in BASE.glob("*.yaml") if path.name != "kustomization.yaml")
    assert len(files) >= AT_LEAST
    done = run(tool("kubernetes-validate"), "-k", version, "--strict", *files)
    assert done.returncode == 0, done.stdout + done.stderr
    listed = re.findall(r"(?m)^  - (\w[\w-]*\.yaml)$", (BASE / "kustomization.yaml").read_text(encoding="utf-8"))
    assert listed == [path.name for path in files]


@pytest.mark.tools
@pytest.mark.parametrize(
    ("folder", "wanted"),
    [
        ("base", "replicas: 1"),
        ("overlays/two-replicas", "replicas: 2"),
        ("overlays/pgbouncer", "name: ACRA_EXPRESS_LISTEN_DSN"),
    ],
)
def test_kustomize_builds_valid_manifests(tool: Tool, tmp_path: Path, folder: str, wanted: str) -> None:
    built = run(tool("kubectl"), "kustomize", CONFIG / "kubernetes" / folder)
    assert built.returncode == 0, built.stderr
    assert built.stdout.count("\nkind: ") == AT_LEAST
    assert wanted in built.stdout
    assert set(re.findall(r"image: (\S+)", built.stdout)) == {f"acra-express:{__version__}"}
    file = tmp_path / "built.yaml"
    file.write_text(built.stdout, encoding="utf-8")
    done = run(tool("kubernetes-validate"), "-k", "1.33", "--strict", file)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.tools
def test_kustomize_adds_the_monitoring(tool: Tool) -> None:
    built = run(tool("kubectl"), "kustomize", MONITORING)
    assert built.returncode == 0, built.stderr
    assert {"kind: PrometheusRule", "kind: ServiceMonitor"} <= set(built.stdout.splitlines())


def test_the_kubernetes_rules_equal_the_prometheus_rules() -> None:
    spec = importlib.util.spec_from_file_location("prometheusrule", MONITORING / "prometheusrule.py")
    assert spec is not None
    assert spec.loader is not None
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    made = maker.manifest((CONFIG / "prometheus" / "rules.yml").read_text(encoding="utf-8"))
    said = "stale: python config/kubernetes/monitoring/prometheusrule.py > …/prometheusrule.yaml"
    assert (MONITORING / "prometheusrule.yaml").read_text(encoding="utf-8") == made, said


@pytest.mark.tools
def test_the_kubernetes_rules_pass_promtool(tool: Tool, tmp_path: Path) -> None:
    extracted = tmp_path / "rules.yml"
    extracted.write_text(rules_of((MONITORING / "prometheusrule.yaml").read_text(encoding="utf-8")), encoding="utf-8")
    done = run(tool("promtool"), "check", "rules", extracted)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_version_is_defined_in_one_place() -> None:
    tag = re.search(r"newTag: (\S+)", (BASE / "kustomization.yaml").read_text(encoding="utf-8"))
    assert tag is not None
    assert tag[1] == __version__
    assert re.search(rf"(?m)^## {re.escape(__version__)}\b", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))


def test_orchestrators_wait_longer_than_the_drain() -> None:
    drain = Settings.model_fields["drain_seconds"].default
    assert seconds(r'ACRA_EXPRESS_DRAIN_SECONDS: "([0-9.]+)"', BASE / "configmap.yaml") == drain
    assert seconds(r"terminationGracePeriodSeconds: (\d+)", BASE / "deployment.yaml") >= drain + SPARE_SECONDS
    assert seconds(r"stop_grace_period: (\d+)s", COMPOSE) >= drain + SPARE_SECONDS


@pytest.mark.parametrize("file", [COMPOSE, BASE / "configmap.yaml"], ids=lambda file: file.name)
def test_manifests_set_only_existing_settings(file: Path) -> None:
    named = set(re.findall(rf"(?m)^\s+{PREFIX}(\w+):", file.read_text(encoding="utf-8")))
    assert len(named) > 3
    assert named <= known_names(Settings)


async def test_compose_trial_uses_the_settings_of_the_demo() -> None:
    lines = re.findall(rf'(?m)^\s+({PREFIX}\w+): "?([^"\n]+?)"?$', COMPOSE.read_text(encoding="utf-8"))
    written = {name: value for name, value in lines if not name.endswith("POSTGRES_DSN")}
    async with Simulator(World(registry_sample.rows(1, 7), seed=7), Options(seed=7)) as simulator:
        wanted = settings_for(simulator, "unused", cap=60, sole_proprietors=False)
        root = simulator.base_url(Provider.JINA).removesuffix("/jina")
    # The trial relies on defaults that the demo states explicitly.
    plain = {f"{PREFIX}{name}" for name in ("POSTGRES_DSN", "DAILY_CAP", "INCLUDE_SOLE_PROPRIETORS")}
    assert written == {
        name: value.replace(root, "http://127.0.0.1:9900") for name, value in wanted.items() if name not in plain
    }
