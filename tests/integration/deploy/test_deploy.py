"""What is in ``deploy/`` and the compose file: valid, and true to the settings, commands and metrics there are."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from hatchling.build import build_wheel

from orchestrator.kit.settings import Settings, environment_name

ROOT = Path(__file__).resolve().parents[3]
DEPLOY = ROOT / "deploy"
CHART = DEPLOY / "helm" / "composition-of-experts"
SETTINGS = {environment_name(name) for name in Settings.model_fields} | {"COE_API_KEY"}
KUBERNETES = "1.33"
OPTIONS = {
    "ingress.enabled": "true",
    "ingress.host": "llm.example",
    "ingress.className": "any",
    "ingress.tlsSecret": "certificate",
    "api.autoscaling.enabled": "true",
    "serviceMonitor.enabled": "true",
    "image.pullSecrets[0]": "registry",
    "settings.COE_LOG_LEVEL": "debug",
    "settings.COE_PRIVATE_ADDRESSES": "10.0.0.0/8",
}


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("helm", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("helm is on PyPI for Linux on x86-64 only; the chart is not checked here")
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


def rendered(**values: str) -> list[dict[str, Any]]:
    chosen = [part for name, value in values.items() for part in ("--set", f"{name}={value}")]
    made = helm("template", "coe", str(CHART), *chosen)
    assert made.returncode == 0, made.stderr
    return [document for document in yaml.safe_load_all(made.stdout) if document]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return loaded


def test_the_compose_file_is_one(compose: dict[str, Any]) -> None:
    packaged = files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    jsonschema.Draft7Validator(json.loads(packaged.read_text())).validate(compose)


def test_what_the_compose_file_runs_and_sets_exists(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for name in ("api", "worker", "admin"):
        program, command, *_ = services[name]["command"]
        assert program == "coe"
        helped = subprocess.run(
            [str(Path(sys.executable).with_name(program)), command, "--help"],
            capture_output=True,
            check=False,
        )
        assert helped.returncode == 0
        named = {each for each in services[name]["environment"] if each.startswith("COE_")}
        assert named <= SETTINGS
    assert compose["x-service"]["environment"].keys() <= services["api"]["environment"].keys()


def test_what_the_compose_file_mounts_and_asks_for_is_there(compose: dict[str, Any]) -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    mounted = re.findall(r"\./(deploy/[^:]+):", text)
    assert len(mounted) >= 5
    assert all((ROOT / path).exists() for path in mounted)
    asked = set(re.findall(r"\$\{(\w+)", text))
    offered = set(re.findall(r"^(\w+)=", (DEPLOY / "example.env").read_text(), re.MULTILINE))
    assert asked == offered
    named = {volume.partition(":")[0] for one in compose["services"].values()
             for volume in one.get("volumes", []) if not volume.startswith(".")}  # fmt: skip
    assert named == compose["volumes"].keys()
    for service in compose["services"].values():
        assert set(service.get("depends_on", [])) <= compose["services"].keys()


def test_a_replica_gets_the_time_that_it_takes_to_stop(compose: dict[str, Any]) -> None:
    api = compose["services"]["api"]
    minutes = int(api["stop_grace_period"].removesuffix("m"))
    drain = float(api["environment"]["COE_DRAIN_DELAY"]) + float(
        api["environment"]["COE_DRAIN_TIMEOUT"]
    )
    assert minutes * 60 > drain
    deployment = next(
        each
        for each in rendered(existingSecret="s", **{"api.drainTimeout": "1000"})
        if (each["kind"], each["metadata"]["name"]) == ("Deployment", "coe-api")
    )
    assert deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > 1005


def test_the_image_is_built_of_what_there_is() -> None:
    text = (ROOT / "Dockerfile").read_text()
    locks = re.findall(r"requirements/\w+\.txt", text)
    assert len(locks) == 3
    assert all((ROOT / lock).exists() for lock in locks)
    let_in = re.findall(r"^!(\S+)", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    assert all((ROOT / name).exists() for name in let_in)
    packages = {"client", "experts", "migrations", "orchestrator", "router"}
    assert packages | {"pyproject.toml", "requirements"} <= set(let_in)


def test_a_wheel_holds_all_that_is_read_at_run_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    with zipfile.ZipFile(tmp_path / build_wheel(str(tmp_path))) as wheel:
        held = set(wheel.namelist())
    packages = ("experts", "migrations", "orchestrator", "router")
    wanted = {
        str(path.relative_to(ROOT))
        for package in packages
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert any(name.endswith(".lua") for name in wanted)
    assert wanted <= held


def test_one_process_has_the_admin_pages_and_no_secret(compose: dict[str, Any]) -> None:
    admin = compose["services"]["admin"]
    assert set(admin["environment"]) == {"COE_TRUSTED_PROXIES"}
    assert compose["services"]["api"]["environment"]["COE_ADMIN_UI"] == "false"
    documents = rendered(existingSecret="s", **{**OPTIONS, "api.replicas": "3"})
    by_name = {one["metadata"]["name"]: one for one in documents if one["kind"] == "Deployment"}
    spec = by_name["coe-admin"]["spec"]
    (box,) = spec["template"]["spec"]["containers"]
    assert spec["replicas"] == 1
    assert "envFrom" not in box
    assert "http://coe-api:80" in box["command"]
    (api,) = by_name["coe-api"]["spec"]["template"]["spec"]["containers"]
    assert {"name": "COE_ADMIN_UI", "value": "false"} in api["env"]
    ingress = next(one for one in documents if one["kind"] == "Ingress")
    paths = [
        (path["path"], path["backend"]["service"]["name"])
        for path in ingress["spec"]["rules"][0]["http"]["paths"]
    ]
    assert paths == [("/admin/api", "coe-api"), ("/admin", "coe-admin"), ("/", "coe-api")]


def test_without_a_pod_of_their_own_the_replica_has_the_pages() -> None:
    documents = rendered(existingSecret="s", **{**OPTIONS, "admin.enabled": "false"})
    assert not any(one["metadata"]["name"] == "coe-admin" for one in documents)
    for container in _containers(documents):
        assert "COE_ADMIN_UI" not in {one["name"] for one in container.get("env", ())}


def test_the_chart_has_nothing_to_complain_of() -> None:
    found = helm("lint", "--strict", str(CHART), "--set", "existingSecret=s")
    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize("options", [{}, OPTIONS], ids=["plain", "everything"])
def test_what_the_chart_makes_is_what_kubernetes_takes(options: dict[str, str]) -> None:
    documents = rendered(existingSecret="s", **options)
    kinds = {document["kind"] for document in documents}
    assert {"Deployment", "Service", "PodDisruptionBudget"} <= kinds
    if options:
        assert {"Ingress", "HorizontalPodAutoscaler", "ServiceMonitor"} <= kinds
    for document in documents:
        if document["kind"] != "ServiceMonitor":  # an operator's own kind
            kubernetes_validate.validate(document, KUBERNETES, strict=True)
    for container in _containers(documents):
        assert container["command"][0] == "coe"
        assert {one["name"] for one in container["env"]} <= SETTINGS if "env" in container else True
        assert container["securityContext"]["readOnlyRootFilesystem"]


def _containers(documents: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for document in documents:
        if document["kind"] == "Deployment":
            yield from document["spec"]["template"]["spec"]["containers"]


def test_an_autoscaled_deployment_does_not_say_how_many() -> None:
    for scaled in ("true", "false"):
        documents = rendered(existingSecret="s", **{"api.autoscaling.enabled": scaled})
        spec = next(d for d in documents if d["metadata"]["name"] == "coe-api"
                    and d["kind"] == "Deployment")["spec"]  # fmt: skip
        assert ("replicas" in spec) == (scaled == "false")


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("existingSecret=", "existingSecret"),
        ("api.replicas=none", "replicas"),
        ("ingress.enabled=true", "host"),
        ("settings.OTHER=1", "settings"),
        ("apis.replicas=1", "apis"),
    ],
)
def test_wrong_values_are_refused(value: str, complaint: str) -> None:
    refused = helm("template", "coe", str(CHART), "--set", "existingSecret=s", "--set", value)
    assert refused.returncode != 0
    assert complaint in refused.stderr


def test_dashboards_and_alerts_ask_for_metrics_that_there_are() -> None:
    reference = (ROOT / "docs" / "reference" / "metrics.md").read_text()
    there = set(re.findall(r"^\| `(coe_\w+)`", reference, re.MULTILINE))
    dashboard = json.loads((DEPLOY / "grafana" / "dashboards" / "coe.json").read_text())
    shown = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    alerts = yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"][0]["rules"]
    asked = re.findall(r"\bcoe_\w+", " ".join([*shown, *(rule["expr"] for rule in alerts)]))
    assert {re.sub(r"_(total|bucket|sum|count)$", "", name) for name in asked} == there
    places = [tuple(panel["gridPos"].values()) for panel in dashboard["panels"]]
    assert len(set(places)) == len(places)


def test_prometheus_reads_every_replica(compose: dict[str, Any]) -> None:
    job = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())["scrape_configs"][0]
    assert job["dns_sd_configs"][0]["names"] == ["api"]
    assert "api" in compose["services"]
    assert compose["services"]["api"]["environment"]["COE_METRICS_PUBLIC"] == "true"
    # What needs no key inside is not passed on to the outside.
    assert "deny deny_status 404 if { path /metrics }" in (DEPLOY / "haproxy.cfg").read_text()
