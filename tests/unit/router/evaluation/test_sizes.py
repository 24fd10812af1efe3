import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.evaluation.sizes import billions_in_name


@pytest.mark.parametrize(
    ("name", "billions"),
    [
        ("Meta-Llama-3_1-70B-Instruct", 70),
        ("llama-3.1-8b-instruct", 8),
        ("llama3:8b", 8),
        ("gemma2:9b-instruct-q4_K_M", 9),
        ("Qwen1.5-72B-Chat", 72),
        ("qwen2.5-7b-instruct-1m", 7),
        ("phi3:3.8b-mini-128k", 3.8),
        ("TinyLlama-1.1B", 1.1),
        ("vendor/llama3-chatqa-1.5-70b", 70),
        ("llama-3.3-nemotron-super-49b-v1", 49),
        ("gemma-3n-E4B-it", 4),
        ("falcon-180bn", 180),
        ("SmolLM2-360M", 0.36),
        ("Qwen3-30B-A3B", 3),
        ("Qwen3-235B-A22B-Instruct-2507", 22),
        ("mistralai/Mixtral-8x7B-Instruct-v0.1", 12.6),
        ("Mixtral-8x22B", 39.6),
        ("Llama-4-Scout-17B-16E", 17),
        ("yi-6b-6b", 6),
        ("Phi-3-mini-4k-instruct", None),
        ("gpt-4-1106-preview", None),
        ("DeepSeek-Coder-V2", None),
        ("c4ai-command-r-v01", None),
        ("jamba-1.5-large", None),
        ("gemini-1.5-pro-1m", None),
        ("model-8bit", None),
        ("v2b1", None),
        ("draft-1b-for-70b", None),
        ("0b", None),
        ("9999b", None),
        ("", None),
    ],
)
def test_sizes_from_names(name: str, billions: float | None) -> None:
    assert billions_in_name(name) == billions


@given(st.text(max_size=60))
def test_any_name_has_a_possible_size_or_none(name: str) -> None:
    found = billions_in_name(name)
    assert found is None or 0 < found <= 5000


@given(st.integers(1, 999), st.sampled_from(["{}b", "x-{}B", "a/{}b-chat", "m_{}B:latest"]))
def test_a_size_at_a_boundary_is_found(size: int, name: str) -> None:
    assert billions_in_name(name.format(size)) == size
