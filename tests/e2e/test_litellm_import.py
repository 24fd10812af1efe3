"""A litellm proxy's configuration is imported, and its clients are served by the same names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.command import coe
from tests.e2e.conftest import Server
from tests.e2e.support import question, upstream

NAMES = [f"imported-{number}" for number in range(6)] + ["Org/Imported Seven", "imported-8"]
CANARY = "sk-canary-of-the-import"


def config(good: str, bad: str) -> dict[str, Any]:
    def model(name: str, script: str, url: str, **params: Any) -> dict[str, Any]:
        place = {"model": f"openai/{script}", "api_base": url, "api_key": CANARY}
        return {
            "model_name": name,
            "litellm_params": {**place, **params},
            "model_info": {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6},
        }

    models = [model(name, f"fixed:{name} speaks", good) for name in NAMES]
    models.append(model("imported-failing", "fail:500", bad))
    models.append(model("imported-group", "fail:500", bad, order=1))
    models.append(model("imported-group", "fixed:the second of the group", good, order=2))
    return {
        "model_list": models,
        "router_settings": {
            "model_group_alias": {"gpt-imported": "imported-1"},
            "num_retries": 2,
            "made_up_setting": True,
        },
        "litellm_settings": {
            "fallbacks": [{"imported-failing": ["imported-2", "imported-3"]}],
            "default_team_params": {"max_budget": 25, "budget_duration": "1mo"},
            "default_team_settings": [{"team_id": "imported-team"}],
        },
        "general_settings": {"master_key": "os.environ/LITELLM_MASTER_KEY"},
    }


def run(server: Server, *arguments: str) -> tuple[dict[str, Any], str]:
    environ = {"COE_DATA_DIR": str(server.data_dir)}
    done = coe("import", "litellm", *arguments, "--json", environ=environ)
    assert done.exit_code == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report, done.stdout + done.stderr


@pytest.fixture
def imported(server: Server, tmp_path: Path) -> Iterator[dict[str, Any]]:
    with upstream() as good, upstream() as bad, server.client() as client:
        file = tmp_path / "config.yaml"
        file.write_text(yaml.safe_dump(config(good.url, bad.url)))
        planned, _ = run(server, str(file), "--dry-run")
        assert client.get("/admin/api/experts/imported-1").status_code == 404
        report, printed = run(server, str(file))
        assert planned["changes"] == report["changes"]
        assert CANARY not in printed
        try:
            yield report
        finally:
            for expert in report["experts"]:
                client.delete(f"/admin/api/experts/{expert}")
            client.delete("/admin/api/limits/tenants/imported-team")


def test_the_same_names_are_served(server: Server, imported: dict[str, Any]) -> None:
    assert {change["action"] for change in imported["changes"]} == {"create"}
    assert [each["key"] for each in imported["unsupported"]] == ["router_settings.made_up_setting"]
    assert {each["key"] for each in imported["changed"]} >= {
        "router_settings.num_retries",
        "general_settings.master_key",
    }
    with server.client() as client:

        def asked(name: str) -> tuple[str, str]:
            answer = client.post("/v1/chat/completions", json=question(name))
            assert answer.status_code == 200, answer.text
            content: str = answer.json()["choices"][0]["message"]["content"]
            return content, answer.headers["x-coe-expert"]

        for name in NAMES:
            assert asked(name)[0] == f"{name} speaks"
        assert asked("gpt-imported") == ("imported-1 speaks", "imported-1")
        assert asked("imported-failing") == ("imported-2 speaks", "imported-2")
        assert asked("imported-group") == ("the second of the group", "imported-group-2")
        listed = {model["id"] for model in client.get("/v1/models").json()["data"]}
        assert {*NAMES, "gpt-imported", "imported-failing", "imported-group"} <= listed
        limits = client.get("/admin/api/limits/tenants/imported-team").json()
        assert limits["usd_per_month"] == 25
