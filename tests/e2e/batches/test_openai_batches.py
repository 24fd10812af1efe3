"""The unmodified client of OpenAI makes batches of the running service, with a worker beside it."""

from __future__ import annotations

import io
import json
import time
from typing import Any

import openai
import pytest

from tests.e2e.conftest import Server


@pytest.fixture
def client(server: Server) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key=server.key, max_retries=0)


def line(custom_id: str, **body: Any) -> str:
    message = {"role": "user", "content": f"say {custom_id}"}
    request = {"model": "generalist", "messages": [message], **body}
    return json.dumps(
        {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": request}
    )


def over(client: openai.OpenAI, batch_id: str) -> Any:
    for _ in range(600):
        batch = client.batches.retrieve(batch_id)
        if batch.status in {"completed", "failed", "expired", "cancelled"}:
            return batch
        time.sleep(0.05)
    raise AssertionError(f"the batch is still {batch.status}")


def upload(client: openai.OpenAI, *lines: str) -> Any:
    return client.files.create(file=io.BytesIO("\n".join(lines).encode()), purpose="batch")


def test_a_batch_from_its_upload_to_its_answers(client: openai.OpenAI) -> None:
    lines = [line(f"r{n}") for n in range(20)] + [line("bad", model="refusing")]
    file = upload(client, *lines)
    assert (file.purpose, file.status) == ("batch", "processed")
    assert file.bytes == len("\n".join(lines))
    assert client.files.content(file.id).text == "\n".join(lines)
    batch = client.batches.create(
        input_file_id=file.id,
        endpoint="/v1/chat/completions",
        completion_window="24h",
        metadata={"what": "a test"},
    )
    assert batch.status in {"validating", "in_progress", "completed"}
    batch = over(client, batch.id)
    assert batch.status == "completed"
    counts = batch.request_counts
    assert (counts.total, counts.completed, counts.failed) == (21, 20, 1)
    assert batch.metadata == {"what": "a test"}
    assert batch.usage.total_tokens > 0
    answers = [json.loads(row) for row in client.files.content(batch.output_file_id).iter_lines()]
    assert [row["custom_id"] for row in answers] == [f"r{n}" for n in range(20)]
    assert answers[3]["response"]["body"]["choices"][0]["message"]["content"] == "say r3"
    [error] = [json.loads(row) for row in client.files.content(batch.error_file_id).iter_lines()]
    assert error["custom_id"] == "bad"
    assert batch.id in [one.id for one in client.batches.list(limit=5)]
    assert file.id in [one.id for one in client.files.list(limit=50)]
    assert client.files.delete(file.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(file.id)


def test_a_batch_with_a_wrong_line_names_it(client: openai.OpenAI) -> None:
    file = upload(client, line("one"), line("two", messages="none"))
    batch = client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    batch = over(client, batch.id)
    assert batch.status == "failed"
    [error] = batch.errors.data
    assert (error.line, error.param) == (2, "body.messages")


def test_a_batch_is_cancelled(client: openai.OpenAI) -> None:
    slow = {"model": "generalist"}
    file = upload(client, *(line(f"r{n}", **slow) for n in range(3000)))
    batch = client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    assert client.batches.cancel(batch.id).status in {"cancelling", "cancelled"}
    assert over(client, batch.id).status == "cancelled"


def test_what_cannot_be_uploaded_is_said(client: openai.OpenAI, server: Server) -> None:
    with pytest.raises(
        openai.BadRequestError, match="'purpose' must be one of batch, evals, fine-tune"
    ):
        client.files.create(file=io.BytesIO(b"x"), purpose="assistants")
    with server.client() as http:
        for answer in (
            http.post("/v1/files", json={}),
            http.post("/v1/files", files={"file": ("a", b"x")}),
            http.post("/v1/files", files={"other": ("a", b"x")}, data={"purpose": "batch"}),
            http.post(
                "/v1/files",
                content=b"--x\r\nbroken",
                headers={"content-type": "multipart/form-data; boundary=x"},
            ),
        ):
            assert answer.status_code == 400, answer.text
            assert answer.json()["error"]["code"] == "invalid_request"
