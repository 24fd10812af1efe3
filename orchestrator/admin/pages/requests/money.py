"""What a request used and cost, part by part. Pure."""

from __future__ import annotations

from coe_client.types import RequestDetail
from orchestrator.admin.parts.markup import Markup, table, tag
from orchestrator.admin.parts.numbers import count, money


def parts(detail: RequestDetail) -> Markup:
    """Return a table of tokens and money by part, and how far it is exact."""
    rows = [
        (name, count(tokens), money(usd))
        for name, tokens, usd in split(detail)
        if tokens or usd or name in {"Input", "Output"}
    ]
    total = (detail.prompt_tokens or 0) + (detail.completion_tokens or 0)
    rows.append(("Together", count(total), money(detail.money.total_usd)))
    drawn = table(
        "Tokens and money by part", ("Part", "Tokens", "Cost"), rows, numeric=(1, 2), matrix=True
    )
    return tag("div", drawn, class_="inset totals") + tag("p", _note(detail), class_="small faint")


def split(detail: RequestDetail) -> list[tuple[str, int, float]]:
    """Return the parts with their tokens, each token once, and what they cost in US dollars."""
    cached, written = detail.cached_tokens or 0, detail.cache_write_tokens or 0
    thought = detail.reasoning_tokens or 0
    paid = detail.money
    return [
        ("Input", max((detail.prompt_tokens or 0) - cached - written, 0), paid.input_usd),
        ("Input from the vendor's cache", cached, paid.cached_input_usd),
        ("Input put into it", written, paid.cache_write_usd),
        ("Output", max((detail.completion_tokens or 0) - thought, 0), paid.output_usd),
        ("Reasoning", thought, paid.reasoning_usd),
    ]


def _note(detail: RequestDetail) -> str:
    told = []
    if detail.tokens_estimated:
        told.append("Some tokens were not counted by the expert, and are estimated.")
    if not detail.money.exact and detail.money.total_usd:
        told.append("The parts are reckoned; the total is what was booked.")
    if detail.saved_tokens:
        told.append(f"{count(detail.saved_tokens)} tokens were saved by the cache.")
    return " ".join(told) or "As the expert counted them, at the prices it had then."
