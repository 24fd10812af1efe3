from __future__ import annotations

from experts.packaged import PACKAGED
from experts.providers.executable import find_snippets
from experts.providers.local import model_file


def test_the_three_of_them() -> None:
    by_id = {expert.id: expert for expert in PACKAGED}
    assert set(by_id) == {"smollm2", "smollm2-code", "python"}
    assert by_id["python"].accepts == {"executable"}
    for name in ("smollm2", "smollm2-code"):
        assert by_id[name].parameters["temperature"] == 0
        assert by_id[name].active_parameters == by_id[name].total_parameters == 0.135
        assert by_id[name].price.input == by_id[name].price.output == 0
        assert model_file(by_id[name]).is_file()


def test_the_interpreter_understands_what_its_refusal_suggests() -> None:
    assert find_snippets("17 * 23")
