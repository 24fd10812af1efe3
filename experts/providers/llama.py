"""A GGUF model served by llama.cpp inside this process, on a loopback port of its own.

``xllamacpp`` brings llama.cpp's own OpenAI-compatible server as a library. Its port is guarded by
a random key, since any program on the machine could otherwise use it.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from experts.errors import ExpertMisconfigured

_SILENT = -1
_PROMPT_CACHE_MIB = 256


class Pooling(StrEnum):
    """How the vectors of a text's tokens become one."""

    MODEL = "model"
    """As the model's file says."""
    MEAN = "mean"
    CLS = "cls"
    LAST = "last"


_LLAMAS = {
    Pooling.MODEL: "LLAMA_POOLING_TYPE_UNSPECIFIED",
    Pooling.MEAN: "LLAMA_POOLING_TYPE_MEAN",
    Pooling.CLS: "LLAMA_POOLING_TYPE_CLS",
    Pooling.LAST: "LLAMA_POOLING_TYPE_LAST",
}


@dataclass(frozen=True, slots=True)
class LlamaOptions:
    """How a model is run.

    Args:
        slots: Requests that are answered at once, batched into the same steps; more wait.
        context: Tokens that prompt and answer of one request may have together.
        threads: Processor threads. More than one is far slower where processors are shared.
        pooling: For a model that turns texts into vectors; ``None`` for one that writes.
    """

    slots: int = 4
    context: int = 2048
    threads: int = 1
    pooling: Pooling | None = None


class LlamaServer:
    """A loaded model and its server.

    Loading takes about a second for a small model and blocks: build it in a thread.

    Args:
        path: The GGUF file.
        options: How it is run.

    Raises:
        ExpertMisconfigured: If the file is no model, or ``xllamacpp`` is not installed.
    """

    def __init__(self, path: Path, options: LlamaOptions) -> None:
        self.key = secrets.token_urlsafe(24)
        try:
            self._server: Any = _start(path, options, self.key)
        except ImportError as error:
            message = "local models need a package: pip install xllamacpp"
            raise ExpertMisconfigured(message) from error
        except (RuntimeError, ValueError) as error:
            raise ExpertMisconfigured(f"{path.name} cannot be loaded as a model") from error
        self.url = f"{self._server.listening_address}/v1"
        self._answer_once(embeds=options.pooling is not None)

    def _answer_once(self, *, embeds: bool) -> None:
        """See that the model answers.

        Only then may the server be stopped, too: llama.cpp waits for ever when it is told to stop
        before its loop has begun.
        """
        if embeds:
            self._server.handle_embeddings({"input": "Hi"})
        else:
            self._server.handle_completions({"prompt": "Hi", "n_predict": 1})

    def stop(self) -> None:
        """Stop the server and free the model."""
        self._server = None


def _start(path: Path, options: LlamaOptions, key: str) -> Any:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.model_alias = {path.stem}  # Answers would state the path otherwise.
    params.n_parallel = options.slots
    params.n_ctx = options.context * options.slots
    params.cont_batching = True
    for threads in (params.cpuparams, params.cpuparams_batch):
        threads.n_threads = options.threads
        threads.poll = 0
    params.n_threads_http = options.slots * 4
    params.cache_ram_mib = _PROMPT_CACHE_MIB
    params.api_keys = [key]
    params.cors_origins = ""
    params.ui = False
    params.endpoint_slots = False
    params.warmup = False
    params.fit_params = False
    params.verbosity = _SILENT
    params.port = 0
    if options.pooling is not None:
        params.embedding = True
        params.pooling_type = getattr(xllamacpp.llama_pooling_type, _LLAMAS[options.pooling])
    return xllamacpp.Server(params)
