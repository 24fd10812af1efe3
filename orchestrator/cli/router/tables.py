"""How evaluations and comparisons of routers are shown in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orchestrator.cli import output

Report = dict[str, Any]

_COLUMNS = ("", "quality", "gain", "95 % interval", "billions", "$ per 1,000", "RouterArena")
_COMPARED = (
    *("", "current", "candidate", "difference", "95 % interval", "verdict", "changed"),
    *("billions", "candidate's", "$ per 1,000", "candidate's"),
)
_NONE = ""


def show_evaluation(report: Report, version: str) -> None:
    """Print an evaluation: the choices as a table, then a line for each other measure."""
    output.text(f"{version} on {report['n']:,} prompts")
    rows = _references(report)
    rows += [_choice(f"policy {name}", each) for name, each in report["policies"].items()]
    rows += [_choice(name, each) for name, each in report["baselines"].items()]
    if rows:
        output.table(_COLUMNS, rows, empty="")
    if report["baselines"]:
        _show_peers(report)
    facts = _facts(report)
    width = max((len(name) for name, _ in facts), default=0)
    for name, value in facts:
        output.text(f"{name:{width}}  {value}")


def show_comparison(found: Report) -> None:
    """Print a comparison: a row for each policy, and the categories."""
    rows = []
    for name, each in found["policies"].items():
        spent = each["spent"]
        rows.append(
            (
                f"policy {name}",
                *_difference(each),
                _share(each["changed"]),
                *(_billions(spent[version]["active_parameters"]) for version in spent),
                *(_dollars(spent[version]["cost"]) for version in spent),
            )
        )
    if found.get("category_accuracy"):
        rows.append(("category found", *_difference(found["category_accuracy"]), *[_NONE] * 5))
    output.table(_COMPARED, rows, empty="Nothing to compare: neither scores nor labels.")


def _references(report: Report) -> list[tuple[str, ...]]:
    best = report["best_single"]
    if best is None:
        return []
    rows = [
        ("random", _figure(report["random"]), *[_NONE] * 5),
        _choice(f"best single ({best['expert']})", best),
    ]
    if report["perfect_category"] is not None:
        rows.append(("perfect categories", _figure(report["perfect_category"]), *[_NONE] * 5))
    oracle = {"quality": report["oracle"], **report["oracle_spends"]}
    return [*rows, _choice("oracle", oracle)]


def _choice(name: str, each: Report) -> tuple[str, ...]:
    return (
        name,
        _figure(each["quality"]),
        _signed(each.get("gain")),
        _interval(each["ci95"]) if "gain" in each else _NONE,
        _billions(each["active_parameters"]),
        _dollars(each["cost"]),
        _figure(each.get("routerarena")),
    )


def _show_peers(report: Report) -> None:
    """Print what each policy gains over each peer's method."""
    rows = [
        (
            f"{policy} over {name}",
            _signed(gap["difference"]),
            _interval(gap["ci95"]),
            gap["verdict"],
        )
        for policy in report["policies"]
        for name, each in report["baselines"].items()
        if (gap := each["against"].get(policy))
    ]
    output.table(("policy over peer", "difference", "95 % interval", "verdict"), rows, empty="")


def _facts(report: Report) -> list[tuple[str, str]]:
    facts: list[tuple[str, str]] = []
    if report["category_accuracy"] is not None:
        accuracy = f"{report['category_accuracy']:.3f} ({report['labelled']:,} labelled prompts)"
        facts += [("category accuracy", accuracy), ("calibration error", _figure(report["ece"]))]
    if report["oos"]:
        facts.append(("out-of-scope AUROC", _figure(report["oos"]["auroc"])))
    pair = report["two_experts"]
    if pair:
        low, high = pair["apgr_ci95"]
        cpt = ", ".join(f"CPT({x}) {_share(pair['cpt'][x]) or 'not reached'}" for x in ("50", "80"))
        facts.append(("APGR", f"{pair['apgr']:.3f} ({low:.3f} to {high:.3f}), {cpt}"))
        if report["baselines"]:
            peers = (f"{name} {each['apgr']:.3f}" for name, each in report["baselines"].items())
            facts.append(("peers' APGR", ", ".join(peers)))
    facts += [_budget(axis, each) for axis, each in report["frontiers"].items()]
    facts += _challenge(report)
    if report["decide_us"]:
        facts.append(("time of a decision", _time(report["decide_us"])))
    return facts


def _time(spent: Report) -> str:
    text = f"p50 {spent['p50']:.0f} us, p99 {spent['p99']:.0f} us"
    if "processor_p50" in spent:
        text += f"; of the processor {spent['processor_p50']:.0f} and {spent['processor_p99']:.0f}"
    return text


def _budget(axis: str, each: Report) -> tuple[str, str]:
    name, write, unit = _AXES[axis]
    at = each["at_best_single"]
    reached = "best single's quality not reached"
    if at is not None:
        saved = f", {each['cost_save']:.0%} less" if each["cost_save"] is not None else ""
        reached = f"best single's quality from {write(at)}{unit}{saved}"
    without = f"; without {', '.join(each['without'])}" if each["without"] else ""
    return f"frontier, {name}", f"AIQ {each['aiq']:.3f}; {reached}{without}"


def _challenge(report: Report) -> list[tuple[str, str]]:
    facts = []
    steady, fooled = report["robustness"], report["attack"]
    if steady and steady["unchanged"] is not None:
        kinds = sorted(steady["kinds"].items(), key=lambda item: item[1])
        worst = ", ".join(f"{name.replace('_', ' ')} {share:.1%}" for name, share in kinds[:3])
        of = steady.get("of", "")
        what = "category" if of == "category" else f"policy {of}"
        facts.append(("decisions unchanged", f"{steady['unchanged']:.1%} ({what}); least: {worst}"))
    if fooled:
        facts.append((f"attack on {fooled['policy']}", _attack(fooled)))
    return facts


def _attack(fooled: Report) -> str:
    text = f"{fooled['share_before']:.1%} of prompts go to {fooled['expensive']} by themselves"
    if not fooled["prefix"]:
        return f"{text}; no prefix was found that draws more"
    return f"{text}, {fooled['share_after']:.1%} behind the prefix {fooled['prefix']!r}"


def _difference(each: Report) -> tuple[str, ...]:
    return (
        _figure(each["current"]),
        _figure(each["candidate"]),
        _signed(each["difference"]),
        _interval(each["ci95"]),
        each["verdict"],
    )


def _figure(value: float | None) -> str:
    return _NONE if value is None else f"{value:.4f}"


def _signed(value: float | None) -> str:
    return _NONE if value is None else f"{value:+.4f}"


def _share(value: float | None) -> str:
    return _NONE if value is None else f"{value:.1%}"


def _billions(value: float | None) -> str:
    return _NONE if value is None else f"{value:.1f}"


def _dollars(value: float | None) -> str:
    return _NONE if value is None else f"{value * 1000:.3g}"


def _interval(found: Sequence[float | None] | None) -> str:
    if not found or found[0] is None or found[1] is None:
        return _NONE
    return f"{found[0]:+.4f} to {found[1]:+.4f}"


_AXES = {
    "active_parameters": ("parameters", _billions, " billion parameters"),
    "cost": ("money", _dollars, " dollars per 1,000"),
    "strong_share": ("strong calls", _share, " of calls to the stronger"),
}
