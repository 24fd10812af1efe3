import numpy as np
import pytest
from scipy.special import expit
from sklearn.neighbors import KNeighborsRegressor

from router import HashingEmbedder
from router.data import Dataset
from router.evaluation import aligned, expected_by_peers
from router.evaluation import baselines as b
from router.evaluation.peers import PEERS

NAN = float("nan")


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def two_worlds(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Prompts of two kinds; expert 0 is good at the first, 1 at the second, 2 mediocre at both."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(2, size=n)
    centres = np.zeros((2, 16))
    centres[0, 0] = centres[1, 1] = 2.0
    vectors = unit(centres[kind] + 0.4 * rng.normal(size=(n, 16)))
    chance = np.array([[0.9, 0.2, 0.6], [0.2, 0.9, 0.6]])[kind]
    return vectors, (rng.random((n, 3)) < chance).astype(float), kind


METHODS: dict[str, b.Baseline] = {
    "neighbours": b.Neighbours(k=30),
    "regions": b.Regions(regions=6),
    "matrix": b.MatrixFactorisation(decay=0.1, steps=100),
    "ranking": b.SimilarityRanking(),
}


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_learns_who_is_good_at_what(name: str, missing: float) -> None:
    vectors, scores, _ = two_worlds(500, 0)
    scores[np.random.default_rng(9).random(scores.shape) < missing] = NAN
    asked, _, kind = two_worlds(200, 1)
    predicted = METHODS[name].fit(vectors, scores, seed=0)(asked)
    assert predicted.shape == (200, 3)
    assert np.isfinite(predicted).all()
    assert ((predicted >= 0) & (predicted <= 1)).all()
    assert (predicted.argmax(axis=1) == kind).mean() > 0.9
    again = METHODS[name].fit(vectors, scores, seed=0)(asked)
    assert (predicted == again).all()


def test_neighbours_are_those_of_scikit_learn() -> None:
    vectors, scores, _ = two_worlds(120, 2)
    asked = two_worlds(40, 3)[0]
    expected = KNeighborsRegressor(7, metric="cosine", algorithm="brute").fit(vectors, scores)
    found = b.Neighbours(k=7).fit(vectors, scores)(asked)
    np.testing.assert_allclose(found, expected.predict(asked), atol=1e-12)


def test_ranking_of_two_is_the_weighted_win_rate() -> None:
    vectors, scores, _ = two_worlds(80, 4)
    asked = two_worlds(10, 5)[0]
    found = b.SimilarityRanking().fit(vectors, scores[:, :2])(asked)
    similar = asked @ vectors.T
    weights = 10 ** (1 + similar / similar.max(axis=1, keepdims=True))
    won = 0.5 + 0.5 * np.sign(scores[:, 0] - scores[:, 1])
    expected = (weights * won).sum(axis=1) / weights.sum(axis=1)
    np.testing.assert_allclose(found[:, 0], expected, atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1.0)


def test_bradley_terry_satisfies_its_likelihood_equations() -> None:
    wins = np.random.default_rng(0).random((2, 4, 4)) * (1 - np.eye(4))
    played = wins + wins.transpose(0, 2, 1)
    delta = np.log(b._bradley_terry(wins, played, 400))
    expected = (played * expit(delta[:, :, None] - delta[:, None, :])).sum(axis=2)
    np.testing.assert_allclose(expected, wins.sum(axis=2), atol=1e-6)


def test_gradient_of_the_matrix_factorisation() -> None:
    rng = np.random.default_rng(0)
    delta = rng.normal(size=(1, 4))
    scores = rng.integers(0, 2, size=(1, 4)).astype(float)
    wins, played = b._duels(scores)

    def loss(at: np.ndarray) -> float:
        chance = expit(at[:, :, None] - at[:, None, :])
        each = -(wins * np.log(chance) + (1 - wins) * np.log(1 - chance)) * played
        return float(each.sum()) / 2 / 3  # each pair once, over the other three

    slope = b._duel_slope(delta, wins, played)
    for expert in range(4):
        step = np.zeros((1, 4))
        step[0, expert] = 1e-6
        numeric = (loss(delta + step) - loss(delta - step)) / 2e-6
        assert slope[0, expert] == pytest.approx(numeric, abs=1e-5)


def test_regions_with_fewer_prompts_than_regions_and_unmeasured_experts() -> None:
    vectors = unit(np.eye(3) + 0.01)
    scores = np.array([[1.0, NAN], [0.0, NAN], [0.5, 0.25]])
    found = b.Regions(regions=10, nearest=1).fit(vectors, scores)(vectors)
    np.testing.assert_allclose(found, [[1, 0.25], [0, 0.25], [0.5, 0.25]])
    twice = b.Regions(regions=4).fit(np.vstack([vectors[:1]] * 5), np.ones((5, 1)))(vectors)
    np.testing.assert_allclose(twice, 1.0)


def test_performance_and_cost_are_weighed() -> None:
    vectors, scores, _ = two_worlds(300, 6)
    costs = np.array([9.0, 9.0, 1.0])
    with pytest.raises(ValueError, match="needs costs"):
        b.Regions(performance_weight=0.5).fit(vectors, scores)
    shares = []
    for weight in (1.0, 0.6, 0.0):
        method = b.Regions(regions=4, performance_weight=weight, costs=costs)
        shares.append((method.fit(vectors, scores)(vectors).argmax(axis=1) == 2).mean())
    assert shares[0] < shares[1] <= shares[2] == 1.0
    predicted = np.array([[0.9, 0.5, 0.8]])
    assert b.performance_cost(predicted, costs, 1.0).tolist() == [0]
    assert b.performance_cost(predicted, costs, 0.5).tolist() == [2]
    assert b.performance_cost(np.array([[0.9, 0.1, 0.1]]), costs, 0.6).tolist() == [0]


def test_plain_ones() -> None:
    vectors, scores, _ = two_worlds(50, 7)
    mean = b.Majority().fit(vectors, scores)(vectors)
    np.testing.assert_allclose(mean, np.tile(scores.mean(axis=0), (50, 1)))
    largest = b.Largest(np.array([7.0, NAN, 70.0])).fit(vectors, scores)(vectors)
    assert (largest.argmax(axis=1) == 2).all()
    chance = b.RandomExpert().fit(vectors, scores, seed=3)
    assert (chance(vectors) == chance(vectors)).all()
    assert len(set(chance(vectors).argmax(axis=1))) == 3


def test_peers_are_fitted_on_one_data_set_and_asked_about_another() -> None:
    prompts = tuple(f"{'law court' if n % 2 else 'flour oven'} {n}" for n in range(60))
    scores = np.array([[1.0, 0.0] if n % 2 else [0.0, 1.0] for n in range(60)])
    scores[:4] = np.nan
    train = Dataset(tuple(map(str, range(60))), prompts, (None,) * 60, ("a", "b"), scores)
    other = aligned(train, ("b", "c", "a"))
    np.testing.assert_array_equal(other.scores[:, [2, 0]], train.scores)
    assert np.isnan(other.scores[:, 1]).all()
    asked = ["the law court", "flour in the oven"]
    found = expected_by_peers(train, asked, HashingEmbedder(64))
    assert set(found) == set(PEERS)
    for name, quality in found.items():
        assert quality.shape == (2, 2), name
    assert found["k-means regions"].argmax(axis=1).tolist() == [0, 1]
    nothing = aligned(train, ("x",))
    assert expected_by_peers(nothing, asked, HashingEmbedder(64)) == {}
