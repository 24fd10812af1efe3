"""Step two with everything a request, a policy and a learned router may bring."""

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router import (
    Budget,
    Candidate,
    Category,
    HashingEmbedder,
    NoEligibleExpert,
    Policy,
    Router,
    RouteRequest,
    Taxonomy,
    build_router,
    routing_text,
    starter_router,
)
from router.choosing import TIE
from router.exploration import MAX_EXPLORATION

STARTER = starter_router()
MATHS = "Prove that the square root of 2 is irrational"
CATEGORIES = STARTER.taxonomy.ids
SMALL = Candidate("small", active_parameters=3, price_in=0.02, price_out=0.05, latency=0.4)
MIDDLE = Candidate("middle", active_parameters=30, price_in=0.3, price_out=0.9, latency=1.0)
LARGE = Candidate("large", active_parameters=200, price_in=2.5, price_out=10.0, latency=6.0)
PYTHON = Candidate("python", accepts=frozenset({"executable"}))
THREE = (SMALL, MIDDLE, LARGE)


@dataclass(frozen=True)
class Table:
    mean: np.ndarray


@dataclass(frozen=True)
class Scripted:
    """A quality model that expects the same of every prompt with a word, else the table's."""

    experts: tuple[str, ...]
    by_word: dict[str, tuple[float, ...]]
    usual: tuple[float, ...]

    @property
    def category_scores(self) -> Table:
        return Table(np.tile(self.usual, (len(CATEGORIES), 1)))

    def __call__(self, text: str, *_: np.ndarray) -> np.ndarray:
        words = [values for word, values in self.by_word.items() if word in text]
        return np.array(words[0] if words else self.usual, dtype=float)


def learned(model: Scripted, *policies: Policy, **changes: object) -> Router:
    named = {p.name: p for p in policies} or STARTER.policies
    return replace(STARTER, quality=model, policies=named, **changes)


MODEL = Scripted(
    ("small", "middle", "large"), {"irrational": (0.2, 0.9, 0.7)}, usual=(0.5, 0.6, 0.8)
)


# Hard constraints


def test_who_is_down_is_told_from_who_is_disabled() -> None:
    candidates = [
        SMALL,
        replace(MIDDLE, healthy=False),
        replace(LARGE, available=False, healthy=False),
    ]
    decision = STARTER.decide(RouteRequest(MATHS), STARTER.pool(candidates))
    found = {view.id: view.excluded for view in decision.candidates}
    assert found == {"small": None, "middle": "unhealthy", "large": "disabled"}
    picky = RouteRequest(MATHS, needs=frozenset({"tools"}))
    with pytest.raises(NoEligibleExpert, match="down at the moment: middle"):
        STARTER.decide(picky, STARTER.pool(candidates))


def test_one_that_is_down_is_tried_where_health_alone_leaves_nobody() -> None:
    pool = STARTER.pool([SMALL, MIDDLE, replace(LARGE, available=False)])
    none_up = pool.without({"small", "middle", "gone"})
    decision = STARTER.decide(RouteRequest(MATHS, policy="quality"), none_up)
    before = STARTER.decide(RouteRequest(MATHS, policy="quality"), pool)
    assert (decision.expert, decision.ranked) == (before.expert, before.ranked)
    assert decision.reason == f"{before.reason} It seems to be down, like all that could serve " + (
        "this request."
    )
    # What else excludes an expert holds, down or not.
    dear = replace(MIDDLE, price_out=1e6)
    some = STARTER.pool([SMALL, dear]).without({"small", "middle"})
    assert STARTER.decide(RouteRequest(MATHS, max_cost=1.0), some).ranked == ("small",)
    with pytest.raises(NoEligibleExpert, match="down at the moment: small, middle"):
        STARTER.decide(RouteRequest(MATHS, prompt_tokens=10**7), some)


def test_taking_some_out_leaves_the_mapping_for_when_they_are_back() -> None:
    pool = STARTER.pool(THREE)
    leader = STARTER.decide(RouteRequest(MATHS, policy="quality"), pool).expert
    without = pool.without({leader})
    assert without.mappings is pool.mappings
    decision = STARTER.decide(RouteRequest(MATHS, policy="quality"), without)
    assert decision.expert != leader
    assert decision.rule == "no_mapped_candidate"
    assert STARTER.decide(RouteRequest(MATHS, policy="quality"), pool).expert == leader


def test_only_the_allowed_are_chosen() -> None:
    pool = STARTER.pool(THREE)
    request = RouteRequest(MATHS, policy="quality", allowed=frozenset({"small", "middle", "gone"}))
    decision = STARTER.decide(request, pool)
    assert set(decision.ranked) == {"small", "middle"}
    assert {v.id: v.excluded for v in decision.candidates}["large"] == "not_allowed"
    with pytest.raises(
        NoEligibleExpert, match="not allowed for this request: small, middle, large"
    ):
        STARTER.decide(replace(request, allowed=frozenset()), pool)
    assert STARTER.decide(replace(request, allowed=None), pool).expert == "large"


def test_limits_of_a_request_exclude_and_say_so() -> None:
    pool = STARTER.pool(THREE)
    request = RouteRequest(MATHS, policy="quality", prompt_tokens=100)
    dear = STARTER.decide(replace(request, max_cost=1e-3), pool)
    assert (dear.expert, dear.rule) == ("middle", "max_cost")
    assert dear.reason == (
        "Most like math (0.99); its usual expert large (expected quality 0.83, $0.0043) is over "
        "the limit of $0.001, so quality picks the best of the rest, middle "
        "(expected quality 0.64, $0.00039)."
    ).replace("0.99", f"{dear.probabilities['math']:.2f}")
    slow = STARTER.decide(replace(request, max_latency=0.5), pool)
    assert (slow.expert, slow.rule) == ("small", "only_candidate")
    assert {v.id: v.excluded for v in slow.candidates} == {
        "small": None,
        "middle": "max_latency",
        "large": "max_latency",
    }
    slow = STARTER.decide(replace(request, max_latency=2), pool)
    assert (slow.expert, slow.rule) == ("middle", "max_latency")
    assert "takes longer than 2 s" in slow.reason
    with pytest.raises(NoEligibleExpert, match=r"expected to cost more than free: small, middle"):
        STARTER.decide(replace(request, max_cost=0), pool)


def test_those_of_unknown_latency_stay_in() -> None:
    pool = STARTER.pool([replace(SMALL, latency=None), MIDDLE])
    assert STARTER.decide(RouteRequest("hi", max_latency=0.1), pool).ranked == ("small",)


@pytest.mark.parametrize(
    "limits", [{"quality_floor": 1.5}, {"max_cost": -1}, {"max_latency": float("nan")}]
)
def test_limits_are_checked(limits: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="number"):
        RouteRequest("hi", **limits)


# Rules


def test_what_can_be_executed_goes_to_an_interpreter_however_unsure_its_field() -> None:
    pool = STARTER.pool([*THREE, PYTHON])
    for text in ("what is 17 * 23?", "", "print it", "Write me a poem about the sea"):
        request = RouteRequest(text, features=frozenset({"executable"}))
        decision = STARTER.decide(request, pool)
        assert (decision.expert, decision.rule) == ("python", "specialist_input"), text
    assert STARTER.decide(routing_text("1+1").request(), pool).expert == "python"


def test_other_special_input_goes_to_its_own_field_alone() -> None:
    lawyer = Candidate("lawyer", tags=frozenset({"law"}), accepts=frozenset({"audio"}))
    pool = STARTER.pool([*THREE, lawyer])
    audio = frozenset({"audio"})
    evicted = STARTER.decide(RouteRequest("Can my landlord evict me?", features=audio), pool)
    assert (evicted.expert, evicted.rule) == ("lawyer", "specialist_input")
    assert STARTER.decide(RouteRequest(MATHS, features=audio), pool).expert != "lawyer"


def test_a_quality_floor_takes_the_cheapest_that_reaches_it() -> None:
    pool = STARTER.pool(THREE)
    request = RouteRequest(MATHS, policy="quality")

    def chosen(floor: float) -> tuple[str, tuple[str, ...], str]:
        decision = STARTER.decide(replace(request, quality_floor=floor), pool)
        assert decision.rule == "quality_floor"
        return decision.expert, tuple(decision.ranked), decision.reason

    assert chosen(0.0)[:2] == ("small", ("small", "middle", "large"))
    assert chosen(0.6)[:2] == ("middle", ("middle", "large", "small"))
    assert chosen(0.8)[:2] == ("large", ("large", "middle", "small"))
    assert "the cheapest expected to reach a quality of 0.60 is middle" in chosen(0.6)[2]
    expert, ranked, reason = chosen(0.99)
    assert (expert, ranked) == ("large", ("large", "middle", "small"))
    assert "none is expected to reach a quality of 0.99, nearest is large" in reason


def test_a_floor_and_a_limit_hold_together() -> None:
    pool = STARTER.pool(THREE)
    request = RouteRequest(MATHS, quality_floor=0.8, max_cost=1e-3)
    decision = STARTER.decide(request, pool)
    assert (decision.expert, decision.rule) == ("middle", "quality_floor")


# Policies


def test_a_policy_brings_its_mapping_along() -> None:
    mapping = dict.fromkeys(CATEGORIES, "middle") | {"math": "small"}
    router = replace(STARTER, policies={"own": Policy("own", "", mapping=mapping)})
    pool = router.pool(THREE)
    assert pool.mapping("own") == mapping
    assert router.decide(RouteRequest(MATHS, policy="own"), pool).expert == "small"
    without = router.pool([MIDDLE, LARGE, replace(SMALL, available=False)])
    assert without.mapping("own") == mapping | {"math": "large"}


def test_a_policy_keeps_to_its_budget_over_the_catalogue_at_hand() -> None:
    own = Policy("own", "", budget=Budget(active_parameters=40, max_experts=2))
    router = replace(STARTER, policies={"own": own})
    pool = router.pool(THREE)
    size = {candidate.id: candidate.active_parameters or 0 for candidate in THREE}
    mapped = list(pool.mapping("own").values())
    assert sum(size[expert] for expert in mapped) / len(mapped) <= 40
    assert len(set(mapped)) <= 2
    assert not pool.infeasible
    without = router.pool([MIDDLE, LARGE, replace(SMALL, available=False)])
    assert "active_parameters" not in without.infeasible


def test_a_budget_that_cannot_be_kept_is_kept_as_nearly_as_can_be() -> None:
    own = Policy("own", "", budget=Budget(active_parameters=10))
    router = replace(STARTER, policies={"own": own, "quality": STARTER.policies["quality"]})
    pool = router.pool([MIDDLE, LARGE])
    assert pool.infeasible["own"].nearest == pytest.approx(30)
    assert set(pool.mapping("own").values()) == {"middle"}
    assert set(pool.mapping("quality").values()) == {"large"}


def test_a_budget_on_latency_takes_the_median_for_the_unknown() -> None:
    own = Policy("own", "", budget=Budget(latency_s=1.0))
    router = replace(STARTER, policies={"own": own})
    assert set(router.pool(THREE).mapping("own").values()) <= {"small", "middle"}
    unknown = [replace(candidate, latency=None) for candidate in THREE]
    assert set(router.pool(unknown).mapping("own").values()) == {"large"}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"price": float("nan")}, "price is nan"),
        ({"price": -1.0}, "price is -1.0"),
        ({"cost_weight": float("inf")}, "cost_weight is inf"),
        ({"cost": "gold"}, "there is no cost 'gold'"),
    ],
)
def test_a_policy_is_checked(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Policy("own", "", **wrong)


def test_the_version_tells_policies_apart() -> None:
    general = Category("general", "General", "Everything.", ("hello",))
    taxonomy, embedder = Taxonomy((general,)), HashingEmbedder(16)

    def version(**changes: object) -> str:
        policy = Policy("own", "", **changes)
        return build_router(taxonomy, embedder, name="t", policies=(policy,)).version

    assert version() == version()
    assert len({version(), version(price=0.1), version(budget=Budget(max_experts=1))}) == 3
    assert version(price=0.1) != version(price=0.1, cost="money_usd")


# A quality model


def test_each_prompt_is_weighed_by_itself_where_quality_was_learnt() -> None:
    router = learned(MODEL)
    pool = router.pool(THREE)
    usual = router.decide(RouteRequest("Sue my landlord in court", policy="quality"), pool)
    assert (usual.expert, usual.rule) == ("large", "category")
    assert [view.quality for view in usual.candidates] == pytest.approx([0.8, 0.6, 0.5])
    decision = router.decide(RouteRequest(MATHS, policy="quality"), pool)
    assert (decision.expert, decision.rule) == ("middle", "instance")
    assert tuple(decision.ranked) == ("middle", "large", "small")
    assert "quality picks middle (expected quality 0.90" in decision.reason
    assert "over large (expected quality 0.70" in decision.reason


@pytest.mark.parametrize(
    ("margin", "expert", "rule"),
    [(0.5 * TIE, "large", "category"), (2.0 * TIE, "middle", "instance")],
)
def test_near_ties_go_to_the_expert_of_the_category(margin: float, expert: str, rule: str) -> None:
    model = replace(MODEL, by_word={"irrational": (0.2, 0.7 + margin, 0.7)})
    router = learned(model)
    decision = router.decide(RouteRequest(MATHS, policy="quality"), router.pool(THREE))
    assert (decision.expert, decision.rule) == (expert, rule)
    assert decision.ranked[0] == expert


def test_a_price_is_paid_to_the_last_cent() -> None:
    model = replace(MODEL, by_word={"irrational": (0.2, 0.7 + 0.5 * TIE, 0.7)})
    priced = Policy("own", "", price=0.0, mapping=dict.fromkeys(CATEGORIES, "large"))
    router = learned(model, priced)
    decision = router.decide(RouteRequest(MATHS, policy="own"), router.pool(THREE))
    assert (decision.expert, decision.rule) == ("middle", "instance")


def test_a_budget_without_a_price_leaves_the_mapping_in_charge() -> None:
    budget = Policy("own", "", budget=Budget(active_parameters=250))
    router = learned(MODEL, budget)
    decision = router.decide(RouteRequest(MATHS, policy="own"), router.pool(THREE))
    assert (decision.expert, decision.rule) == ("large", "category")


@pytest.mark.parametrize(
    ("cost", "price", "expert"),
    [
        ("active_parameters", 0.0, "middle"),
        ("active_parameters", 0.03, "small"),
        ("money_usd", 100.0, "middle"),
        ("money_usd", 3000.0, "small"),
        ("latency_s", 0.1, "middle"),
        ("latency_s", 2.0, "small"),
        ("effort", 0.1, "middle"),
        ("effort", 5.0, "small"),
    ],
)
def test_a_price_is_paid_in_what_the_policy_says(cost: str, price: float, expert: str) -> None:
    own = Policy("own", "", price=price, cost=cost)
    router = learned(MODEL, own)
    assert router.decide(RouteRequest(MATHS, policy="own"), router.pool(THREE)).expert == expert


def test_experts_that_were_not_measured_stand_on_the_same_scale() -> None:
    flat = Scripted(("small", "middle"), {"irrational": (0.10, 0.16)}, usual=(0.30, 0.36))
    router = learned(flat)
    pool = router.pool(THREE)
    prior = STARTER.pool(THREE).scores[0]
    slope = (0.36 - 0.30) / (prior[1] - prior[0])
    expected = 0.36 + slope * (prior[2] - prior[1])
    assert pool.scores[0].tolist() == pytest.approx([0.30, 0.36, expected])
    decision = router.decide(RouteRequest(MATHS, policy="quality"), pool)
    found = {view.id: view.quality for view in decision.candidates}
    assert found == pytest.approx({"small": 0.10, "middle": 0.16, "large": expected - 0.20})


def test_a_model_that_knows_nobody_here_changes_nothing() -> None:
    router = learned(Scripted(("gone",), {}, (0.9,)))
    pool = router.pool(THREE)
    decision = router.decide(RouteRequest(MATHS), pool)
    plain = STARTER.decide(RouteRequest(MATHS), STARTER.pool(THREE))
    assert decision.candidates == plain.candidates


def test_a_prior_that_ranks_wrongly_is_not_turned_round() -> None:
    contrary = Scripted(("small", "middle"), {}, usual=(0.9, 0.3))
    scores = learned(contrary).pool(THREE).scores
    assert scores[:, 2].tolist() == pytest.approx([0.6] * len(CATEGORIES))


def test_unsure_requests_are_general_with_a_model_too() -> None:
    router = learned(MODEL)
    decision = router.decide(RouteRequest(""), router.pool(THREE))
    assert (decision.rule, decision.category) == ("uncertain", "general")


# Exploration


def test_exploration_is_off_until_asked_for_and_bounded() -> None:
    pool = STARTER.pool(THREE)
    rules = {STARTER.decide(RouteRequest(MATHS, request_id=f"r{i}"), pool).rule for i in range(300)}
    assert rules == {"category"}
    with pytest.raises(ValueError, match="exploration is a share from 0 to"):
        replace(STARTER, exploration=MAX_EXPLORATION + 0.01)


def test_a_share_of_requests_explores_by_their_id() -> None:
    router = replace(STARTER, exploration=0.1)
    pool = router.pool([*THREE, PYTHON])
    usual = router.decide(RouteRequest(MATHS), pool)
    decisions = [
        router.decide(RouteRequest(MATHS, request_id=f"req_{i}"), pool) for i in range(2000)
    ]
    exploring = [d for d in decisions if d.rule == "exploration"]
    assert 150 < len(exploring) < 260  # 200 expected, four deviations are 54
    chosen = Counter(d.expert for d in exploring)
    assert set(chosen) == {"small", "middle", "large"} - {usual.expert}
    assert min(chosen.values()) > 60
    assert {d.expert for d in decisions if d.rule != "exploration"} == {usual.expert}
    again = [router.decide(RouteRequest(MATHS, request_id=f"req_{i}"), pool) for i in range(200)]
    assert again == decisions[:200]
    assert exploring[0].ranked[0] == exploring[0].expert
    assert usual.expert in exploring[0].reason


def test_special_input_floors_and_only_candidates_are_not_explored() -> None:
    router = replace(STARTER, exploration=MAX_EXPLORATION)
    pool, alone = router.pool([*THREE, PYTHON]), router.pool([SMALL])
    for i in range(100):
        name = f"r{i}"
        executable = RouteRequest("1+1", features=frozenset({"executable"}), request_id=name)
        assert router.decide(executable, pool).expert == "python"
        floor = RouteRequest(MATHS, quality_floor=0.6, request_id=name)
        assert router.decide(floor, pool).expert == "middle"
        assert router.decide(RouteRequest(MATHS, request_id=name), alone).expert == "small"


# All of it at once

CANDIDATE = st.builds(
    Candidate,
    id=st.text("abcdefgh", min_size=1, max_size=6),
    tags=st.frozensets(st.sampled_from(["math", "law", "general"])),
    capabilities=st.frozensets(st.sampled_from(["tools", "vision"])),
    context_window=st.integers(1, 10_000),
    price_in=st.floats(0, 100),
    price_out=st.floats(0, 100),
    active_parameters=st.none() | st.floats(0.1, 500),
    accepts=st.frozensets(st.sampled_from(["executable"])),
    available=st.booleans(),
    healthy=st.booleans(),
    latency=st.none() | st.floats(0, 10),
)
REQUEST = st.builds(
    RouteRequest,
    text=st.sampled_from([MATHS, "hello", "", "Can my landlord evict me?"]),
    needs=st.frozensets(st.sampled_from(["tools", "vision"]), max_size=1),
    features=st.frozensets(st.sampled_from(["executable", "audio"])),
    prompt_tokens=st.integers(0, 12_000),
    policy=st.sampled_from(["quality", "economy", "priced", "budget"]),
    allowed=st.none() | st.frozensets(st.text("abcdefgh", min_size=1, max_size=1)),
    quality_floor=st.none() | st.floats(0, 1),
    max_cost=st.none() | st.floats(0, 0.1),
    max_latency=st.none() | st.floats(0, 10),
    request_id=st.text(max_size=3),
)
EVERYTHING = learned(
    Scripted(("a", "b", "gone"), {"irrational": (0.9, 0.1, 0.5)}, (0.4, 0.6, 0.5)),
    STARTER.policies["quality"],
    STARTER.policies["economy"],
    Policy("priced", "", price=0.01, cost="active_parameters"),
    Policy("budget", "", budget=Budget(max_experts=1, money_usd=1e-3)),
    exploration=MAX_EXPLORATION,
)


def able_to(candidates: list[Candidate], request: RouteRequest) -> set[str]:
    """Those that can serve it: of them, those that are up, if any is."""
    able = [candidate for candidate in candidates if serves(candidate, request)]
    return {c.id for c in able if c.healthy} or {c.id for c in able}


def serves(candidate: Candidate, request: RouteRequest) -> bool:
    usd = 1e-6 * (candidate.price_in * request.prompt_tokens + candidate.price_out * 400)
    slow = candidate.latency is not None and request.max_latency is not None
    return (
        candidate.available
        and (request.allowed is None or candidate.id in request.allowed)
        and request.needs <= candidate.capabilities
        and (not candidate.accepts or bool(candidate.accepts & request.features))
        and request.prompt_tokens < candidate.context_window
        and (request.max_cost is None or usd <= request.max_cost)
        and not (slow and (candidate.latency or 0) > (request.max_latency or 0))
    )


@settings(max_examples=150, deadline=None)
@given(
    candidates=st.lists(CANDIDATE, min_size=1, max_size=25, unique_by=lambda c: c.id),
    requests=st.lists(REQUEST, min_size=1, max_size=4),
)
def test_no_rule_ever_breaks_a_hard_constraint(
    candidates: list[Candidate], requests: list[RouteRequest]
) -> None:
    pool = EVERYTHING.pool(candidates)
    for request in requests:
        able = able_to(candidates, request)
        if not able:
            with pytest.raises(NoEligibleExpert) as refusal:
                EVERYTHING.decide(request, pool)
            assert all(view.excluded for view in refusal.value.candidates)
            continue
        decision = EVERYTHING.decide(request, pool)
        assert decision.expert in able
        assert set(decision.ranked) == able
        assert len(decision.ranked) == len(able)
        assert decision.candidates[0].id == decision.expert == decision.ranked[0]
        assert all((view.excluded is None) == (view.id in able) for view in decision.candidates)
        assert all(0 <= view.quality <= 1 for view in decision.candidates)
        assert decision == EVERYTHING.decide(request, EVERYTHING.pool(candidates))


def test_what_is_kept_of_past_requests_is_bounded() -> None:
    pool = STARTER.pool(THREE)
    for i in range(400):
        request = RouteRequest("hi", allowed=frozenset({"small", f"tenant-{i}"}))
        assert STARTER.decide(request, pool).expert == "small"
    assert len(pool._screens) <= 256


def test_a_large_catalogue_is_screened_again_for_each_length() -> None:
    windows = [Candidate(f"e{i}", context_window=100 * (i + 1)) for i in range(50)]
    pool = STARTER.pool(windows)
    for tokens in (0, 99, 100, 101, 2500, 4999):
        decision = STARTER.decide(RouteRequest("hi", prompt_tokens=tokens), pool)
        able = {c.id for c in windows if tokens < c.context_window}
        assert set(decision.ranked) == able
    with pytest.raises(NoEligibleExpert, match="context window too small for about 5000 tokens"):
        STARTER.decide(RouteRequest("hi", prompt_tokens=5000), pool)
