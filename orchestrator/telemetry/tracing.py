"""Traces by OpenTelemetry: spans are made here and sent by a thread of its library's."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

from experts import tracing
from orchestrator.kit.errors import StartError
from orchestrator.kit.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

_NAME = "composition-of-experts"
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


class OtelSpan:
    """A span of OpenTelemetry's.

    Args:
        span: The span.
    """

    __slots__ = ("_span",)

    def __init__(self, span: Any) -> None:
        self._span = span

    def set(self, **attributes: tracing.Value | None) -> None:
        """Say more of it; see :class:`experts.tracing.Span`."""
        for name, value in attributes.items():
            if value is not None:
                self._span.set_attribute(name.replace("__", "."), value)

    def end(self, error: str | None = None) -> None:
        """Say that it has ended; see :class:`experts.tracing.Span`."""
        if error is not None:
            self.failed(error)
        self._span.end()

    def failed(self, error: str) -> None:
        """Say with what error it ends: a code, never a message, which could quote what was said."""
        from opentelemetry.trace import Status, StatusCode

        self._span.set_attribute("error.type", error)
        self._span.set_status(Status(StatusCode.ERROR))

    def headers(self) -> dict[str, str]:
        """Return what carries it; see :class:`experts.tracing.Span`."""
        from opentelemetry.trace import set_span_in_context

        return _carried(set_span_in_context(self._span))


class OtelTracer:
    """Makes spans of OpenTelemetry's.

    Args:
        provider: Samples them and has them sent.
    """

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer(_NAME)

    def begin(self, name: str, *, calls: bool = False) -> OtelSpan:
        """Return a span within the current one; see :class:`experts.tracing.Tracer`."""
        from opentelemetry.trace import SpanKind

        kind = SpanKind.CLIENT if calls else SpanKind.INTERNAL
        return OtelSpan(self._tracer.start_span(name, kind=kind))

    @contextmanager
    def within(
        self, name: str, carrier: Mapping[str, str] | None = None, *, serves: bool = False
    ) -> Iterator[OtelSpan]:
        """Work within a span; see :class:`experts.tracing.Tracer`."""
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        parent = TraceContextTextMapPropagator().extract(carrier) if carrier else None
        kind = SpanKind.SERVER if serves else SpanKind.INTERNAL
        # Messages of exceptions could quote what was said: their kind has to do.
        with self._tracer.start_as_current_span(
            name, parent, kind, record_exception=False, set_status_on_exception=False
        ) as span:
            ours = OtelSpan(span)
            try:
                yield ours
            except BaseException as error:
                ours.failed(type(error).__name__)
                raise

    def current(self) -> dict[str, str]:
        """Return what carries the current span; see :class:`experts.tracing.Tracer`."""
        return _carried(None)


def _carried(context: Any) -> dict[str, str]:
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier, context)
    return carrier


def wanted(settings: Settings, environ: Mapping[str, str] = os.environ) -> bool:
    """Tell whether traces are to be sent somewhere."""
    return bool(settings.otlp_endpoint) or any(environ.get(name) for name in _ENDPOINTS)


@asynccontextmanager
async def traced(settings: Settings, kind: str) -> AsyncIterator[None]:
    """Send traces for as long as this is open, if they are wanted.

    Args:
        settings: The settings.
        kind: What the process is: ``serve`` or ``worker``.

    Raises:
        StartError: If they are wanted and the packages for it are not installed.
    """
    if not wanted(settings):
        yield
        return
    import asyncio

    provider = _provider(settings, kind)
    tracing.active = OtelTracer(provider)
    try:
        yield
    finally:
        tracing.active = None
        await asyncio.to_thread(provider.shutdown)


def _provider(settings: Settings, kind: str) -> TracerProvider:
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
    except ImportError as error:
        raise StartError(
            "Traces are wanted (COE_OTLP_ENDPOINT) and their packages are not installed: "
            "pip install 'composition-of-experts[otel]'."
        ) from error
    sampler = ParentBased(TraceIdRatioBased(settings.trace_share))
    named = {"service.name": os.environ.get("OTEL_SERVICE_NAME", _NAME), "coe.process": kind}
    provider = TracerProvider(sampler, Resource.create(named), shutdown_on_exit=False)
    base = settings.otlp_endpoint
    exporter = OTLPSpanExporter(endpoint=f"{base.rstrip('/')}/v1/traces" if base else None)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider
