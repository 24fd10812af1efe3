"""Which URLs a webhook may have."""

from __future__ import annotations

import pytest

from orchestrator.runs.webhooks.addresses import url_problem, webhook_addresses

PUBLIC = webhook_addresses("")


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/x",
        "ftp://example.com",
        "https://",
        "https://user:pass@example.com/",
        "https://example.com/#fragment",
        "https://exa mple.com/",
        "https://example.com\\@127.0.0.1/",
        "https://example.com/\n",
        "https://example.com/?q=\u00e9",
        "https://127.0.0.1:8400/v1",
        "https://[::ffff:10.0.0.1]/",
        "file:///etc/passwd",
        "",
    ],
)
def test_urls_that_are_refused(url: str) -> None:
    assert url_problem(url, PUBLIC)


@pytest.mark.parametrize("url", ["https://example.com/told?by=us&x=1", "https://example.com:8443"])
def test_urls_that_are_accepted(url: str) -> None:
    assert url_problem(url, PUBLIC) is None


def test_what_is_named_may_be_private_and_unencrypted_and_nothing_else() -> None:
    named = webhook_addresses("127.0.0.0/8, hooks.internal")
    assert url_problem("http://127.0.0.1:9000/x?y=1", named) is None
    assert url_problem("http://hooks.internal/x", named) is None
    assert url_problem("http://example.com/x", named) == "must begin with https://"
    assert "COE_WEBHOOK_PRIVATE_ADDRESSES" in str(url_problem("https://10.0.0.1/", named))
    assert url_problem("ftp://127.0.0.1", named)
