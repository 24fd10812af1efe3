"""A router that does not work out twice in a row what it knows of one text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from router.classifier import Evidence
from router.embedding import Embedder, FloatArray
from router.expected import QualityModel, ScoreTable
from router.mapping import Floats
from router.router import CategoryClassifier, Router


def remembering(router: Router) -> Router:
    """Return a router of the same decisions that asks its models once for one text.

    For evaluations, where the same prompt is decided under several policies. The first decision
    on a text takes as long as ever: it is the one to be timed.
    """
    quality = None if router.quality is None else _Quality(router.quality)
    return replace(
        router,
        embedder=_Embedder(router.embedder),
        classifier=_Classifier(router.classifier),
        quality=quality,
    )


@dataclass(slots=True)
class _Last:
    """The last answer of one part, and the text it was for."""

    text: str | None = None
    answer: Any = None

    def get(self, text: str, work: Callable[[], Any]) -> Any:
        if text != self.text:
            self.answer = work()
            self.text = text
        return self.answer


@dataclass(slots=True)
class _Embedder:
    embedder: Embedder
    last: _Last = field(default_factory=_Last)

    @property
    def id(self) -> str:
        return self.embedder.id

    @property
    def dimensions(self) -> int:
        return self.embedder.dimensions

    def description(self) -> dict[str, Any]:
        return self.embedder.description()

    def embed(self, texts: Sequence[str]) -> FloatArray:
        if len(texts) != 1:
            return self.embedder.embed(texts)
        found: FloatArray = self.last.get(texts[0], lambda: self.embedder.embed(texts))
        return found


@dataclass(slots=True)
class _Classifier:
    classifier: CategoryClassifier
    last: _Last = field(default_factory=_Last)

    def __call__(self, text: str, vector: FloatArray) -> Evidence:
        found: Evidence = self.last.get(text, lambda: self.classifier(text, vector))
        return found


@dataclass(slots=True)
class _Quality:
    model: QualityModel
    last: _Last = field(default_factory=_Last)

    @property
    def experts(self) -> Sequence[str]:
        return self.model.experts

    @property
    def category_scores(self) -> ScoreTable:
        return self.model.category_scores

    def __call__(self, text: str, vector: FloatArray, probabilities: Floats) -> Floats:
        found: Floats = self.last.get(text, lambda: self.model(text, vector, probabilities))
        return found
