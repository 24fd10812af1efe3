"""What an evaluation is to ask of whom, checked when it is started."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from experts.catalogue.expert import Expert
from orchestrator.job_kinds.schemas import EvaluationWanted
from orchestrator.jobs.record import Row
from orchestrator.kit.errors import ApiError
from orchestrator.tenants.keys import Principal

_INTERPRETER = "python"


def kept_of(wanted: EvaluationWanted, experts: Mapping[str, Expert], principal: Principal) -> Row:
    """Return what a job keeps of what is wanted, with the entries of its experts as they are now.

    Args:
        wanted: What an operator said.
        experts: The catalogue.
        principal: Who it is; whom its key may not use is not asked.

    Raises:
        ApiError: Naming the field that is wrong.
    """
    usable = {
        name: entry
        for name, entry in experts.items()
        if entry.enabled and not entry.embeds and principal.may_use(name)
    }
    judges = _named(usable, wanted.judges, "judges")
    if wanted.experts is not None:
        answering = _named(usable, wanted.experts, "experts")
    else:
        answering = [
            name
            for name, entry in usable.items()
            if name not in judges and entry.provider != _INTERPRETER
        ]
    if not answering:
        raise _wrong("There is no expert that could be asked.", "experts")
    if wanted.against is not None and wanted.against not in answering:
        raise _wrong(f"'{wanted.against}' is not among the experts asked.", "against")
    entries = {
        name: usable[name].model_dump(mode="json", exclude_unset=True)
        for name in dict.fromkeys([*answering, *judges])
    }
    asked = {
        "max_tokens": wanted.max_tokens,
        "temperature": wanted.temperature,
        "seed": wanted.seed,
    }
    return {
        "input_file_id": wanted.input_file_id,
        "experts": answering,
        "judges": judges,
        "entries": entries,
        "against": wanted.against,
        "repeat": wanted.repeat,
        "count": wanted.count,
        "categories": wanted.categories,
        "max_usd": wanted.max_usd,
        "form": wanted.form,
        "parameters": {name: value for name, value in asked.items() if value is not None},
    }


def _named(usable: Mapping[str, Expert], names: Sequence[str], field: str) -> list[str]:
    for name in names:
        if name not in usable:
            raise _wrong(
                f"There is no expert '{name}' that answers and that your key may use.", field
            )
    return list(dict.fromkeys(names))


def _wrong(message: str, param: str) -> ApiError:
    return ApiError(400, "invalid_request", message, param=param)
