"""Values to call methods with, and what the contract leaves out, each with its reason."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from coe_client.types import (
    Endpoint,
    Expert,
    JobOptions,
    Price,
    PriceTier,
    SecretRef,
    ServicePrice,
)

RATES = {"input": 1.0, "output": 2.0, "cached_input": 0.5, "cache_write": 1.5, "reasoning": 3.0}
EXPERT = Expert(
    id="ada",
    provider="openai",
    name="Ada",
    description="What it is.",
    model="some-model",
    endpoints=[
        Endpoint(
            url="http://127.0.0.1:9/v1",
            api_key=SecretRef(env="A_KEY", stored="a-secret"),
            headers={"x-team": "a"},
            weight=2.0,
        )
    ],
    system_prompt="Be brief.",
    parameters={"temperature": 0.5},
    capabilities=["json"],
    context_window=4096,
    price=Price(
        **RATES,
        tiers=[PriceTier(**RATES, above=1000)],
        service_tiers=[ServicePrice(**RATES, name="flex", tiers=[PriceTier(**RATES, above=1000)])],
    ),
    active_parameters=1.5,
    total_parameters=8.0,
    tags=["small"],
    accepts=["executable"],
    aliases=["gpt-x"],
    fallbacks=["bo"],
    enabled=False,
)
MOMENT = datetime(2026, 1, 2, tzinfo=UTC)
LIMITS = {"rounds": 1, "calls": 1, "depth": 1, "tokens": 1, "usd": 1.0, "seconds": 1.0}
EXPORT = {
    "tenant": "acme",
    "expert": "ada",
    "status": "ok",
    "start": "2026-01-01",
    "end": "2026-02-01",
    "key": "key_1",
    "category": "math",
    "model": "coe",
    "policy": "economy",
    "api": "chat",
    "format": "jsonl",
}
LEARNING = {
    "name": "mine",
    "embedder": "static",
    "discover": True,
    "categories": 7,
    "grow": True,
    "contrastive": True,
    "stored": 7,
    "proof": 0.5,
    "folds": 7,
    "seed": 7,
}
COE = {"explain": True, "quality_floor": 0.5, "max_cost": 0.1, "max_latency": 2.0}

SAMPLES: dict[str, Any] = {
    **dict.fromkeys(JobOptions.__annotations__),
    # who and what
    "expert_id": "ada",
    "experts": ["ada"],
    "policies": ["economy"],
    "model_id": "coe",
    "model": "coe",
    "experts.create.expert": EXPERT,
    "experts.update.expert": EXPERT,
    "experts.apply.experts": [EXPERT],
    "expert": "ada",
    "expected_version": 3,
    "version": 3,
    "version_id": "rv_1",
    "key_id": "key_1",
    "tenant": "acme",
    "request_id": "req_1",
    "run_id": "run_1",
    "job_id": "job_1",
    "batch_id": "batch_1",
    "file_id": "file_1",
    "input_file_id": "file_1",
    "webhook_id": "wh_1",
    "message_id": "msg_1",
    "assignment_id": "asg_1",
    "lesson_id": "les_1",
    "name": "a-name",
    "value": "a value",
    # lists
    "page_size": 7,
    "limit": 7,
    "after": "cursor",
    "order": "asc",
    "audit.list.order": "oldest",
    "actor": "key_1",
    "action": "POST",
    "usage.list.status": "ok",
    "status": "ok",
    "runs.list.status": "running",
    "state": "open",
    "jobs.list.state": "running",
    "kind": "batch",
    "purpose": "batch",
    "start": MOMENT,
    "end": MOMENT,
    "group_by": ["day", "expert"],
    "key": "key_1",
    "category": "math",
    "policy": "economy",
    "api": "chat",
    "form": "csv",
    "days": 7,
    # asking
    "messages": [{"role": "user", "content": "Hello"}],
    "request": [{"role": "user", "content": "Hello"}],
    "said": "Hello",
    "texts": ["Hello"],
    "max_tokens": 7,
    "max_completion_tokens": 7,
    "max_output_tokens": 7,
    "explain": True,
    "extra_body": {"top_k": 3},
    "stream": False,
    "temperature": 0.5,
    "top_p": 0.5,
    "top_k": 5,
    "n": 1,
    "stop": ["x"],
    "stop_sequences": ["x"],
    "seed": 7,
    "presence_penalty": 0.5,
    "frequency_penalty": 0.5,
    "logit_bias": {"7": 1.0},
    "logprobs": True,
    "top_logprobs": 2,
    "tools": [{"type": "function", "function": {"name": "add"}}],
    "tool_choice": {"type": "auto"},
    "chat.create.tool_choice": "auto",
    "parallel_tool_calls": True,
    "response_format": {"type": "json_object"},
    "reasoning_effort": "low",
    "stream_options": {"include_usage": True},
    "user": "somebody",
    "coe": COE,
    "instructions": "Be brief.",
    "text": {"format": {"type": "text"}},
    "reasoning": {"effort": "low"},
    "metadata": {"a": "b"},
    "system": "Be brief.",
    "thinking": {"type": "disabled"},
    "output_config": {"effort": "low"},
    "dimensions": 8,
    "encoding_format": "float",
    # changing
    "role": "editor",
    "expires_at": MOMENT,
    "overlap_seconds": 60.0,
    "suspended": True,
    "requests_per_minute": 1,
    "tokens_per_minute": 1,
    "concurrent_requests": 1,
    "usd_per_day": 1.0,
    "usd_per_month": 1.0,
    "prune": True,
    "dry_run": True,
    "artifact": b"bytes",
    "note": "a note",
    "share": 0.5,
    "rating": 0.5,
    "scale": "unit",
    "corrected_category": "math",
    "preferred_answer": "Better.",
    "preferred_request": "req_2",
    "store": True,
    "level": "all",
    "retention_days": 7,
    "patterns": ["x"],
    "endpoint": "http://127.0.0.1:9/v1",
    "batches.create.endpoint": "/v1/chat/completions",
    "batches.submit.endpoint": "/v1/chat/completions",
    "batches.estimate.endpoint": "/v1/chat/completions",
    "completion_window": "24h",
    "priority": 1,
    "webhook": "wh_1",
    "requests": {"a": {"model": "coe"}},
    "source": b"{}",
    "error_code": "expert_failed",
    "dropped": True,
    # runs
    "task": "What is 17 * 23?",
    "strategy": "direct",
    "context": ["A passage."],
    "facts": [("a", "b", "c")],
    "checks": [{"regex": "x"}],
    "limits": LIMITS,
    "parameters": {"temperature": 0.5, "top_p": 0.5, "seed": 7},
    "approval": ["python"],
    "step": "act.1",
    "from_step": "act.1",
    "reason": "No.",
    "instruction": "Prove it.",
    "output": "391",
    "url": "https://example.com/told",
    # helpers
    "progress": None,
    "every": 1.0,
    "within": 1.0,
    "mode": "on",
    "seconds": 60.0,
    "sampled": True,
    "similar": True,
    "wrong": 0.05,
    "cache.purge.key": "0" * 64,
    "cache.entry.key": "0" * 64,
    "everything": True,
    "deadline_seconds": 60.0,
    "usage": {},
}

JOB = ("priority", "deadline_seconds", "webhook", "metadata")
PURGED = ("key", "expert", "version", "category")


def alone(**given: Any) -> dict[str, Any]:
    """Return options of a job, and none of those of other kinds."""
    return {**dict.fromkeys(JobOptions.__annotations__, ...), **given}


CALLS: dict[str, list[dict[str, Any]]] = {
    "route": [{}, {"request": "Hello"}],
    "runs.start": [{}, {"task": [{"role": "user", "content": "Hello"}]}],
    "chat.create": [{}, {"stream": True}],
    "responses.create": [{}, {"stream": True}],
    "messages.create": [{}, {"stream": True}],
    **{
        f"limits.{name}": [{"tenant": "acme", "key_id": ...}, {"key_id": "key_1", "tenant": ...}]
        for name in ("get", "set", "remove")
    },
    "feedback.give": [{"rating": 0.5}],
    "jobs.start": [
        *[alone(kind="export", usage=EXPORT, **{name: SAMPLES[name]}) for name in JOB],
        alone(
            kind="training",
            input_file_id="file-1",
            feedback_days=7,
            note="a note",
            shadow_share=0.5,
            learning=LEARNING,
        ),
        alone(
            kind="evaluation",
            input_file_id="file-1",
            experts=["ada"],
            judges=["bo"],
            against="ada",
            repeat=2,
            count=7,
            categories=["math"],
            max_usd=1.0,
            max_tokens=7,
            temperature=0.5,
            seed=7,
            form=False,
        ),
    ],
    "cache.purge": [{"everything": ...}, {"everything": True, **dict.fromkeys(PURGED, ...)}],
    "feedback.store_content": [{"level": ...}, {"store": ...}],
    "usage.report_file": [{"form": "csv"}, {"form": "parquet"}],
    "usage.export": [{"form": "csv"}, {"form": "jsonl"}, {"form": "parquet"}],
}
"""How a method is called beside the usual; ``...`` stands for an argument that goes with none of the others."""

NOT_SENT = {
    "close": "closes connections",
    "with_options": "returns a client",
    "with_raw_response": "returns a method",
    "webhooks.unwrap": "reads a message that came",
    "files.download": "writes a file; it is made of files.get and files.content",
}
"""Methods that send nothing by themselves, or nothing that another does not."""

NOT_OFFERED = {
    "GET /login": "sends a browser to the identity provider and sets its cookie",
    "GET /login/callback": "is where the identity provider sends a browser to",
    "POST /logout": "ends the session of a browser's cookie; who has a key has no session",
}
"""Operations that are no part of the client."""

NOT_TAKEN = {
    "header GET /v1/runs/{run_id}/events last-event-id": "`after` says the same",
    "body POST /v1/responses/input_tokens stream": "nothing is answered, so nothing streams",
}
"""Parameters and fields that no method takes: `query`, `header` or `body`, the operation and the name."""

DECISION = {"category": "math", "expert": "ada", "probabilities": {"math": 1.0}}
ANSWERS: dict[str, dict[str, Any]] = {
    "POST /v1/chat/completions": {"choices": [{"message": {"content": "Hi"}}]},
    "GET /admin/api/usage/{request_id}": {"decision": DECISION},
    "GET /v1/usage/requests/{request_id}": {"decision": DECISION},
    # over, so that nobody waits
    "GET /v1/runs/{run_id}": {"status": "finished"},
    "GET /v1/batches/{batch_id}": {"status": "completed"},
    "GET /admin/api/jobs/{job_id}": {"state": "finished"},
}
"""What answers hold: where the document calls something an object and no more, or leaves a choice."""
