"""A span for each request, around the whole application; it is not there where traces are off."""

from __future__ import annotations

from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from experts import tracing
from orchestrator.telemetry.tracing import OtelTracer

_SILENT = frozenset({"/healthz", "/readyz", "/metrics"})
_BROUGHT = (b"traceparent", b"tracestate")


class TracedRequests:
    """Notes a span for each request, in the trace that the client brings, if it brings one.

    Args:
        app: Serves the requests.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        tracer = tracing.active
        quiet = scope["type"] != "http" or scope["path"] in _SILENT
        if quiet or not isinstance(tracer, OtelTracer):
            await self._app(scope, receive, send)
            return
        brought = {k.decode(): v.decode("latin-1") for k, v in scope["headers"] if k in _BROUGHT}
        with tracer.within(
            f"{scope['method']} {_route(scope['path'])}", brought, serves=True
        ) as span:
            span.set(http__request__method=scope["method"], url__path=scope["path"])

            async def sending(message: Message) -> None:
                if message["type"] == "http.response.start":
                    status, headers = message["status"], dict(message["headers"])
                    request_id = headers.get(b"x-coe-request-id", b"").decode()
                    span.set(http__response__status_code=status, coe__request__id=request_id)
                    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                        span.failed(str(status))
                await send(message)

            await self._app(scope, receive, sending)


def _route(path: str) -> str:
    """Return a name that is one of few: the path's first parts, without ids."""
    longer = path.startswith("/admin/") or path.endswith("/completions")
    return "/".join(path.split("/")[: 4 if longer else 3])
