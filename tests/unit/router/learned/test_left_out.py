"""Whole categories left out in turn show what strangers look like, and where to draw the line."""

import numpy as np

from router.classifier import Evidence
from router.learned import LearnedGateSettings, fit_classifier, learn_gate
from router.taxonomy import GENERAL
from tests.unit.router.learned.conftest import STRANGERS, World


def test_rows_of_categories_left_out_are_strangers_to_the_rest(world: World) -> None:
    categories = sorted(set(world.labels))
    fitted = fit_classifier(world.texts, world.vectors, world.labels, categories, leave_out=True)
    strange = fitted.left_out
    assert strange is not None
    assert strange.probabilities.shape == (len(world.texts), len(categories))
    assert np.median(strange.nearest) < np.median(fitted.held_out.nearest)
    again = fit_classifier(world.texts, world.vectors, world.labels, categories, leave_out=True)
    assert again.left_out is not None
    np.testing.assert_array_equal(strange.probabilities, again.left_out.probabilities)
    np.testing.assert_array_equal(
        fitted.held_out.probabilities,
        fit_classifier(world.texts, world.vectors, world.labels, categories).held_out.probabilities,
    )


def test_the_line_drawn_so_keeps_more_strangers_out(world: World) -> None:
    categories = sorted(set(world.labels))
    fitted = fit_classifier(world.texts, world.vectors, world.labels, categories, leave_out=True)
    before = learn_gate(fitted.held_out, fitted.labels)
    after = learn_gate(fitted.held_out, fitted.labels, left_out=fitted.left_out)
    said = fitted.classifier.many(STRANGERS, world.vectors_of(STRANGERS))
    top, doubt = said.probabilities.argmax(axis=1), before.many(said)
    kept_out = [sum(map(gate.unsure, doubt.tolist(), top.tolist())) for gate in (before, after)]
    assert kept_out[1] > kept_out[0]
    assert after.weights == before.weights  # who is more of a stranger is told as before
    strict = LearnedGateSettings(left_out=0.3)
    stricter = learn_gate(fitted.held_out, fitted.labels, left_out=fitted.left_out, settings=strict)
    assert np.mean(stricter.thresholds) <= np.mean(after.thresholds)


def test_real_strangers_take_their_place(world: World) -> None:
    categories = sorted(set(world.labels))
    fitted = fit_classifier(world.texts, world.vectors, world.labels, categories, leave_out=True)
    strangers = fitted.classifier.many(STRANGERS, world.vectors_of(STRANGERS))
    with_both = learn_gate(
        fitted.held_out, fitted.labels, strangers=strangers, left_out=fitted.left_out
    )
    assert with_both == learn_gate(fitted.held_out, fitted.labels, strangers=strangers)
    none = Evidence(strangers.probabilities[:0], strangers.nearest[:0])
    assert learn_gate(
        fitted.held_out, fitted.labels, strangers=none, left_out=fitted.left_out
    ) == learn_gate(fitted.held_out, fitted.labels, left_out=fitted.left_out)


def test_of_few_categories_none_is_left_out(world: World) -> None:
    categories = sorted(set(world.labels))[:3]
    rows = [row for row, label in enumerate(world.labels) if label in categories]
    fitted = fit_classifier(
        [world.texts[row] for row in rows],
        world.vectors[rows],
        [GENERAL if world.labels[row] == categories[0] else world.labels[row] for row in rows],
        [*categories[1:], GENERAL],
        leave_out=True,
    )
    assert fitted.left_out is None
