"""Whether graded prompts admitted an expert: by which rule, on what evidence, when."""

from __future__ import annotations

from coe_client.types import Admission, ExpertRecord
from orchestrator.admin.pages.experts.telling import who
from orchestrator.admin.parts.markup import Content, Markup, badge, facts, table, tag
from orchestrator.admin.parts.markup import draw as put
from orchestrator.admin.parts.numbers import count, money, share
from orchestrator.admin.parts.panels import note_box, panel
from orchestrator.admin.parts.states import empty
from orchestrator.admin.parts.times import when
from orchestrator.admin.session import View

_NOTE = "Graded prompts, put to it and compared with a blind guess. It decides nothing by itself."
_BEFORE = 5


async def draw(view: View, record: ExpertRecord) -> None:
    """Draw the panel."""
    expert_id = record.expert.id
    page = await view.client.experts.admissions(expert_id, page_size=_BEFORE + 1).page()
    with panel("Admission", _NOTE):
        if not page.data:
            command = f"coe evaluate admit {expert_id} --prompts prompts.jsonl --record"
            text: Content = [
                "Ask it graded prompts and keep the result: ",
                tag("code", command),
            ]
            put(empty("Not put to the test yet", text, "fact_check"))
            return
        latest, *before = page.data
        if latest.version != record.version:
            other = f"This was version {latest.version}; version {record.version} is in force."
            put(note_box(other, "warn"))
        put(facts([*decision(latest), ("Decided", _when(latest, view))]))
        put(tag("ul", [tag("li", f"{one}.") for one in latest.evidence.reasons], class_="small"))
        if before:
            rows = [
                (verdict(one), f"{one.version}", _right(one), one.evidence.source, _when(one, view))
                for one in before
            ]
            headings = ("Before", "Version", "Right", "Prompts", "When")
            put(tag("div", table("Earlier decisions", headings, rows), class_="inset"))


def verdict(one: Admission) -> Markup:
    """Return what was decided."""
    return badge("admitted", "good", dot=True) if one.admitted else badge("not admitted", "bad")


def decision(one: Admission) -> list[tuple[str, Content]]:
    """Return what was decided, by which rule and on what evidence, as names and values. Pure."""
    seen = one.evidence
    low, high = seen.above_chance_ci95
    told: list[tuple[str, Content]] = [
        ("Result", verdict(one)),
        ("Rule", rule(one)),
        ("Right answers", f"{_right(one)}; {count(seen.needed)} were needed"),
        ("Above a blind guess", f"{seen.above_chance:.2f}, between {low:.2f} and {high:.2f}"),
        ("By chance alone", f"{share(seen.p_value)} of the time"),
        ("Prompts", tag("code", seen.source)),
        ("Cost", money(seen.cost_usd)),
    ]
    if seen.consistency is not None:
        told.insert(4, ("Same answer when asked again", share(seen.consistency)))
    return told


def rule(one: Admission) -> str:
    """Return by which rule, in words. Pure."""
    floor = "a blind guess" if not one.rule.floor else f"{one.rule.floor:.2f} above a blind guess"
    text = f"better than {floor}, wrongly so in {share(one.rule.level)} of cases at most"
    if one.rule.consistent:
        text += f"; the same answer to {share(one.rule.consistent)} of prompts asked again"
    return text


def _right(one: Admission) -> str:
    return f"{count(one.evidence.right)} of {count(one.evidence.prompts)}"


def _when(one: Admission, view: View) -> Markup:
    return when(one.decided_at, view.zone) + Markup(" by ") + who(one.decided_by)
