import numpy as np
import pytest

from router.lexicon import evidence_matrix, fit_lexicon, occurrences, words_of

TEXTS = ("the owl and the eagle", "an owl at night", "rye bread", "the bread and the oven")
LABELS = np.array([0, 0, 1, 1])


def test_words_are_lower_case_stems_and_pairs_of_them() -> None:
    assert words_of("The Translators' translation, 42 x") == {
        *("the", "transla", "the transla", "transla transla")
    }
    assert words_of("mutexes classes boxes bodies gas") >= {"mutex", "class", "box", "body", "gas"}
    assert words_of("glass snake_case é2") == {
        "glass",
        "snake",
        "case",
        "glass snake",
        "snake case",
    }


def test_a_word_speaks_for_the_category_it_stands_in() -> None:
    lexicon = fit_lexicon(occurrences(TEXTS), LABELS, 2)
    assert lexicon("an OWL")[0] > 0 > lexicon("an owl")[1]
    assert lexicon("bread")[1] > lexicon("bread")[0]


def test_common_and_unknown_words_say_nothing() -> None:
    lexicon = fit_lexicon(occurrences(TEXTS), LABELS, 2)
    assert abs(lexicon("the")).max() < 0.3 * abs(lexicon("owl")).max()
    assert lexicon("zebra 7 !").tolist() == [0, 0]
    assert lexicon("").tolist() == [0, 0]


def test_hidden_texts_are_not_counted() -> None:
    found = occurrences(TEXTS)
    shown = np.array([True, True, True, False])
    lexicon = fit_lexicon(found, LABELS, 2, shown)
    assert lexicon("oven").tolist() == pytest.approx([0, 0], abs=1e-6)
    assert fit_lexicon(found, LABELS, 2)("oven")[1] > 0.1


def test_the_matrix_is_the_texts_one_by_one() -> None:
    found = occurrences((*TEXTS, ""))
    lexicon = fit_lexicon(occurrences(TEXTS), LABELS, 2)
    matrix = evidence_matrix(lexicon, found)
    for row, text in zip(matrix, (*TEXTS, ""), strict=True):
        np.testing.assert_allclose(row, lexicon(text), atol=1e-6)


def test_little_text_claims_little() -> None:
    many = [f"owl number {word}" for word in ("one", "two", "six", "ten")] * 25
    texts = (*many, "the owl")
    labels = np.array([0] * 100 + [1])
    evidence = fit_lexicon(occurrences(texts), labels, 2)("owl")
    assert evidence[0] > evidence[1]
