from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experts.counting import tokenizers
from experts.counting.counter import answer_text, counted, text_tokens
from experts.counting.estimate import estimated_tokens
from experts.counting.produced import Produced
from experts.providers.sse import write_event
from experts.providers.wire import Head, chunk, completion

HEAD = Head("id", 1, "m")
# Article 1 of the Universal Declaration of Human Rights.
ARTICLE = {
    "en": "All human beings are born free and equal in dignity and rights. They are endowed with "
    "reason and conscience and should act towards one another in a spirit of brotherhood.",
    "de": "Alle Menschen sind frei und gleich an Würde und Rechten geboren. Sie sind mit Vernunft "
    "und Gewissen begabt und sollen einander im Geist der Brüderlichkeit begegnen.",
    "pl": "Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw. Są oni "
    "obdarzeni rozumem i sumieniem i powinni postępować wobec innych w duchu braterstwa.",
    "ru": "Все люди рождаются свободными и равными в своем достоинстве и правах. Они наделены "
    "разумом и совестью и должны поступать в отношении друг друга в духе братства.",
    "zh": "人人生而自由,在尊严和权利上一律平等。他们赋有理性和良心,并应以兄弟关系的精神相对待。",
    "ja": "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。",
    "ko": "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.",
    "ar": "يولد جميع الناس أحرارًا متساوين في الكرامة والحقوق.",
    "hi": "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है।",
    "code": "def mean(values: list[float]) -> float:\n    if not values:\n        raise ValueError\n"
    "    return sum(values) / len(values)\n",
}


@pytest.mark.parametrize(
    ("model", "tokenizer"),
    [
        ("openai/gpt-4o-mini", "o200k_base"),
        ("gpt-6.1-sol", "o200k_base"),
        ("openai/gpt-oss-120b", "o200k_base"),
        ("o3-mini", "o200k_base"),
        ("gpt-4-turbo", "cl100k_base"),
        ("Qwen/Qwen3-8B", "cl100k_base"),
        ("anthropic/claude-haiku-5-5", "anthropic_tokenizer.json"),
        ("deepseek-v4-pro", "deepseek_tokenizer.json"),
        ("mistral-large-latest", None),
        ("olmo-2", None),
        ("echo", None),
    ],
)
def test_models_have_their_own_tokenizer(model: str, tokenizer: str | None) -> None:
    assert tokenizers.tokenizer_name(model) == tokenizer


@pytest.mark.parametrize("name", ["o200k_base", "cl100k_base", "deepseek_tokenizer.json"])
def test_the_vocabularies_are_here(name: str) -> None:
    count = tokenizers.load(name)
    assert count is not None
    assert count("Hello world, hello tokens.") == 6


def test_openais_published_example_is_counted_exactly() -> None:
    # From OpenAI's cookbook, "How to count tokens with tiktoken".
    assert text_tokens("gpt-4o", "antidisestablishmentarianism") == 6
    assert text_tokens("gpt-4o", "お誕生日おめでとう") == 8
    assert text_tokens("gpt-4", "お誕生日おめでとう") == 9


@pytest.mark.parametrize("language", sorted(ARTICLE))
def test_an_estimate_is_near_what_present_tokenizers_count(language: str) -> None:
    text = ARTICLE[language]
    counts = [text_tokens("gpt-4o", text), text_tokens("deepseek-v4-pro", text)]
    assert 0.7 * min(counts) <= estimated_tokens(text) <= 1.35 * max(counts)


@given(st.text(max_size=300))
def test_an_estimate_is_never_negative_and_never_more_than_two_a_character(text: str) -> None:
    assert bool(text) <= estimated_tokens(text) <= 2 * len(text)


def test_a_long_text_without_spaces_is_counted_in_linear_time() -> None:
    assert 50_000 <= text_tokens("gpt-4o", "a" * 400_000) <= 400_000
    whole = estimated_tokens("word " * 400_000)
    assert whole == pytest.approx(5 * estimated_tokens("word " * 80_000), rel=0.01)


async def test_a_prompt_counts_text_frames_images_and_tools() -> None:
    plain = await counted("gpt-4o", messages=[{"role": "user", "content": "Hello world"}])
    assert (plain.prompt_tokens, plain.completion_tokens) == (2 + 4 + 3, 0)
    assert plain.estimated
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 9000}}
    parts = [{"type": "text", "text": "Hello world"}, image]
    seen = await counted("gpt-4o", messages=[{"role": "user", "content": parts}])
    assert seen.prompt_tokens == plain.prompt_tokens + 800
    tools = [{"type": "function", "function": {"name": "add", "parameters": {}}}]
    armed = await counted(
        "gpt-4o", messages=[{"role": "user", "content": "Hello world"}], tools=tools
    )
    assert armed.prompt_tokens > plain.prompt_tokens + 8


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["role", "content", "text", "type", "tool_calls", "function"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.lists(_JSON, max_size=3))
async def test_anything_json_holds_is_a_prompt(messages: list[Any]) -> None:
    assert (await counted("x", messages=messages)).prompt_tokens >= 0
    assert isinstance(answer_text(json.dumps({"choices": messages}).encode()), str)


@given(st.lists(st.text(min_size=1, max_size=20), max_size=8), st.integers(1, 3), st.booleans())
def test_the_text_of_a_stream_is_found_whatever_it_says(
    pieces: list[str], together: int, ascii_only: bool
) -> None:
    produced = Produced()
    events = [
        write_event(
            json.dumps(json.loads(chunk(HEAD, {"content": each})), ensure_ascii=ascii_only).encode(
                errors="surrogatepass"
            )
        )
        for each in ['{"delta":{"content":"x"}}', *pieces]
    ]
    for start in range(0, len(events), together):
        produced.add(b"".join(events[start : start + together]))
    assert produced.text == '{"delta":{"content":"x"}}' + "".join(pieces)


def test_reasoning_and_arguments_are_written_too_and_roles_are_not() -> None:
    produced = Produced()
    produced.add(write_event(chunk(HEAD, {"role": "assistant", "content": ""})))
    assert not produced
    produced.add(write_event(chunk(HEAD, {"reasoning_content": "Hm. "})))
    call = {"index": 0, "function": {"name": "add", "arguments": '{"a": 1}'}}
    produced.add(write_event(chunk(HEAD, {"tool_calls": [call]})))
    assert produced.text == 'Hm. add{"a": 1}'


def test_broken_escapes_are_kept_as_they_came() -> None:
    produced = Produced()
    produced.add(b'data: {"choices":[{"delta":{"content":"a\\ud800"}}]}\n\n')
    produced.add(b'data: {"choices":[{"delta":{"content":"\xff\\q"}}]}\n\n')
    assert produced.text.startswith("a")


def test_the_text_of_a_whole_answer() -> None:
    calls = [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    assert answer_text(completion(HEAD, "Hello")) == "Hello"
    assert answer_text(completion(HEAD, None, tool_calls=calls)) == "f {}"
    assert answer_text(b"nonsense") == ""
