"""``coe import``: configurations of other gateways."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli import catalogue_file, output
from orchestrator.cli.connection import Json, Key, Url, connected

if TYPE_CHECKING:
    from coe_client.types import ApplyResult
    from orchestrator.importing.plan import Plan

app = typer.Typer(no_args_is_help=True, help="Configurations of other gateways.")


@app.callback()
def importing() -> None:
    """Take over what another gateway does."""


@app.command()
def litellm(
    config: Annotated[
        Path, typer.Argument(metavar="FILE", help="The proxy's config.yaml; '-': standard input.")
    ],
    write: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Only write the catalogue to a file; '-': print it."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what would change.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Change nothing where a key has no effect here.")
    ] = False,
    url: Url = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Take over models, aliases, fallbacks, budgets and teams of a litellm proxy."""
    plan = _plan(config)
    report = _report(plan)
    if strict and report["unsupported"]:
        _show(report)
        output.fail("Some keys have no effect here: nothing was changed.")
    if write is not None:
        _write(plan, write)
    else:
        with connected(url, key) as client:
            result = client.experts.apply(plan.experts, dry_run=True)
            if not dry_run:
                _carry_out(client, plan)
        report |= {"dry_run": dry_run, "changes": output.plain(result)["changes"]}
        if not as_json:
            _show_changes(result)
    if as_json:
        output.as_json(report)
    else:
        _show(report)


def _plan(config: Path) -> Plan:
    import yaml

    from orchestrator.cli.json_yaml import JsonLoader
    from orchestrator.importing.litellm import convert
    from orchestrator.importing.plan import ConfigInvalid

    try:
        text = sys.stdin.read() if str(config) == "-" else config.read_text(encoding="utf-8")
        return convert(yaml.load(text, Loader=JsonLoader), os.environ)  # noqa: S506 (a SafeLoader)
    except OSError as error:
        output.fail(f"{config}: {error.strerror}.")
    except (ConfigInvalid, ValueError) as error:
        output.fail(f"{config}: {error}.")
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        output.fail(f"{config}: {line}{error.problem}.")
    except yaml.YAMLError as error:
        output.fail(f"{config}: {str(error).splitlines()[0]}.")


def _carry_out(client: Any, plan: Plan) -> None:
    """Keys first, so that no expert is there without its own."""
    for name, value in plan.secrets.items():
        client.secrets.set(name, value)
    client.experts.apply(plan.experts)
    for tenant, experts in plan.tenants.items():
        client.tenants.put(tenant, **({} if experts is None else {"experts": experts}))
    for tenant, limits in plan.limits.items():
        client.limits.set(tenant=tenant, **limits)


def _write(plan: Plan, file: Path) -> None:
    text = catalogue_file.write(plan.experts)
    if str(file) == "-":
        output.text(text, end="")
        return
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        output.fail(f"{file}: {error.strerror}.")


def _report(plan: Plan) -> dict[str, Any]:
    """Return what is to be known beside the catalogue; secrets by name only."""
    found: dict[str, list[dict[str, str]]] = {"unsupported": [], "changed": []}
    for finding in plan.findings:
        found[finding.kind].append({"key": finding.key, "what": finding.what})
    return {
        "experts": [expert["id"] for expert in plan.experts],
        "secrets": sorted(plan.secrets),
        "tenants": plan.tenants,
        "limits": plan.limits,
        "settings": plan.settings,
        **found,
    }


def _show_changes(result: ApplyResult) -> None:
    rows = [[change.action, change.id, sorted(change.fields)] for change in result.changes]
    output.table(["change", "expert", "fields"], rows, empty="The catalogue stays as it is.")


def _show(report: dict[str, Any]) -> None:
    for name in report["secrets"]:
        output.remark(f"stored secret {name}: the key that stands in the file")
    for tenant in report["tenants"]:
        output.remark(f"tenant {tenant}")
    for tenant, limits in report["limits"].items():
        told = ", ".join(f"{name} {value:g}" for name, value in limits.items())
        output.remark(f"limits of {tenant}: {told}")
    for name, value in report["settings"].items():
        output.remark(f"start the service with {name}={value}")
    for kind, told in (("changed", "otherwise here"), ("unsupported", "NOT carried over")):
        for each in report[kind]:
            output.remark(f"{told}: {each['key']}: {each['what']}")
