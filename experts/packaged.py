"""The experts that come with the service and need neither key nor network.

SmolLM2-135M-Instruct is small enough for a wheel and for one processor thread; it shows that
everything works and should be replaced as soon as a key or a server is at hand. At its default
temperature it is near nonsense, so these experts ask for temperature 0.
"""

from __future__ import annotations

from experts.catalogue.expert import Expert

_MODEL = "smollm2-135m-instruct"
_BILLIONS = 0.135
_CONTEXT = 2048
_LONGEST_ANSWER = 512

ASSISTANT = Expert(
    id="smollm2",
    name="SmolLM2 135M",
    description="A very small general assistant that runs on this machine.",
    provider="local",
    model=_MODEL,
    system_prompt="You are a helpful assistant. Answer briefly and to the point.",
    parameters={"temperature": 0, "max_tokens": _LONGEST_ANSWER},
    context_window=_CONTEXT,
    active_parameters=_BILLIONS,
    total_parameters=_BILLIONS,
    tags=frozenset({"general"}),
)

CODER = Expert(
    id="smollm2-code",
    name="SmolLM2 135M for code",
    description="The same very small model, prompted to help with code.",
    provider="local",
    model=_MODEL,
    system_prompt=(
        "You are a programming assistant. Answer with short, working code and one sentence that"
        " explains it."
    ),
    parameters={"temperature": 0, "max_tokens": _LONGEST_ANSWER},
    context_window=_CONTEXT,
    active_parameters=_BILLIONS,
    total_parameters=_BILLIONS,
    tags=frozenset({"coding"}),
)

INTERPRETER = Expert(
    id="python",
    name="Python interpreter",
    description="Runs the Python, or works out the arithmetic, in the last message. Sandboxed.",
    provider="python",
    context_window=100_000,
    tags=frozenset({"math"}),
    accepts=frozenset({"executable"}),
)

PACKAGED: tuple[Expert, ...] = (ASSISTANT, CODER, INTERPRETER)
