"""Copies of the packaged model under a budget for one of them: they take turns, and all answer."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import msgspec
import pytest

from experts.catalogue.expert import Endpoint, Expert
from experts.packaged import ASSISTANT
from experts.providers.llama import LlamaOptions
from experts.providers.local import LocalProvider, model_file
from experts.providers.protocol import ExpertAnswer, ExpertCall
from experts.residency.manager import ResidencyManager
from experts.residency.policy.values import Rules

MODELS = 2
REQUESTS = 8


@pytest.mark.slow
async def test_real_models_take_turns_within_the_budget(tmp_path: Path) -> None:
    experts = []
    for number in range(MODELS):
        path = tmp_path / f"{number}.gguf"
        os.link(model_file(ASSISTANT), path)
        experts.append(
            Expert(id=f"m{number}", provider="local", endpoints=(Endpoint(url=str(path)),))
        )
    # Less than two files: what one takes beyond its file makes no difference.
    budget = int(1.5 * model_file(ASSISTANT).stat().st_size)
    manager = ResidencyManager(Rules(budget))
    provider = LocalProvider(LlamaOptions(context=256, slots=2), manager)

    async def ask(number: int) -> ExpertAnswer:
        fields = {
            "messages": msgspec.Raw(b'[{"role":"user","content":"Say hi."}]'),
            "max_tokens": 2,
            "temperature": 0,
        }
        return await provider.complete(ExpertCall(expert=experts[number % MODELS], body=fields))

    answers = await asyncio.gather(*map(ask, range(REQUESTS)))
    assert all(answer.usage and answer.usage.completion_tokens == 2 for answer in answers)
    views = await manager.view()
    assert [view.loads for view in views] == [1, 1], "one load for all who wait"
    assert sorted(view.state for view in views) == ["loaded", "mapped"], (
        "its file was read a moment ago"
    )
    size = max(view.size or 0 for view in views)
    assert size > model_file(ASSISTANT).stat().st_size, "what is measured is more than the file"
    await provider.aclose()
