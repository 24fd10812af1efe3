from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router import (
    Candidate,
    Category,
    HashingEmbedder,
    NoEligibleExpert,
    Router,
    RouteRequest,
    StaticEmbedder,
    Taxonomy,
    UnknownPolicy,
    build_router,
    routing_text,
    starter_router,
    starter_taxonomy,
)
from router.router import CALIBRATIONS, MAX_VIEWS, Calibration
from router.uncertainty import Gate, GateSettings

STARTER = starter_router()
MATHS = "Prove that the square root of 2 is irrational"
SMALL = Candidate("small", active_parameters=3, price_in=0.02, price_out=0.05)
LARGE = Candidate(
    "large",
    capabilities=frozenset({"streaming", "tools", "vision", "json"}),
    active_parameters=200,
    context_window=128_000,
    price_in=2.5,
    price_out=10.0,
)
MATHEMATICIAN = Candidate("mathematician", tags=frozenset({"math"}), active_parameters=7)
PYTHON = Candidate("python", tags=frozenset({"math", "coding"}), accepts=frozenset({"executable"}))
EVERYONE = (SMALL, LARGE, MATHEMATICIAN, PYTHON)

CANDIDATE = st.builds(
    Candidate,
    id=st.text("abcdefgh", min_size=1, max_size=6),
    tags=st.frozensets(st.sampled_from(["math", "law", "general", "fast"])),
    capabilities=st.frozensets(st.sampled_from(["tools", "vision", "json", "streaming"])),
    context_window=st.integers(1, 10_000),
    price_in=st.floats(0, 100),
    price_out=st.floats(0, 100),
    active_parameters=st.none() | st.floats(0.1, 500),
    accepts=st.frozensets(st.sampled_from(["executable"])),
    available=st.booleans(),
)
POOL = st.lists(CANDIDATE, min_size=1, max_size=30, unique_by=lambda candidate: candidate.id)
REQUEST = st.builds(
    RouteRequest,
    text=st.text(max_size=80) | st.sampled_from([MATHS, "hello", "Can my landlord evict me?"]),
    needs=st.frozensets(st.sampled_from(["tools", "vision", "json", "telepathy"]), max_size=2),
    features=st.frozensets(st.sampled_from(["executable", "audio"])),
    prompt_tokens=st.integers(0, 12_000),
    policy=st.sampled_from(["quality", "balanced", "economy"]),
)


def serves(candidate: Candidate, request: RouteRequest) -> bool:
    return (
        candidate.available
        and request.needs <= candidate.capabilities
        and (not candidate.accepts or bool(candidate.accepts & request.features))
        and request.prompt_tokens < candidate.context_window
    )


@settings(max_examples=200, deadline=None)
@given(candidates=POOL, request=REQUEST)
def test_every_decision_is_whole(candidates: list[Candidate], request: RouteRequest) -> None:
    able = {candidate.id for candidate in candidates if serves(candidate, request)}
    pool = STARTER.pool(candidates)
    if not able:
        with pytest.raises(NoEligibleExpert) as refusal:
            STARTER.decide(request, pool)
        views = refusal.value.candidates
        assert {view.id for view in views} == {candidate.id for candidate in candidates}
        assert all(view.excluded for view in views)
        return
    decision = STARTER.decide(request, pool)
    assert decision == STARTER.decide(request, STARTER.pool(candidates))
    assert set(decision.ranked) == able
    assert len(decision.ranked) == len(able)
    assert decision.expert == decision.ranked[0]
    values = list(decision.probabilities.values())
    assert sum(values) == pytest.approx(1.0)
    assert values == sorted(values, reverse=True)
    assert set(decision.probabilities) == set(STARTER.taxonomy.ids)
    assert 0.0 <= decision.uncertainty <= 1.0
    shown = {view.id: view for view in decision.candidates}
    assert decision.expert == decision.candidates[0].id
    for id_, view in shown.items():
        assert (view.excluded is None) == (id_ in able)
        assert 0.0 <= view.quality <= 1.0
        assert view.cost >= 0.0
    excluded = sum(view.excluded is not None for view in decision.candidates)
    assert excluded == min(MAX_VIEWS, len(candidates) - len(able))
    assert decision.router_version == STARTER.version
    assert decision.reason.endswith(".")


def test_a_specialist_leads_in_its_category() -> None:
    pool = STARTER.pool([SMALL, MATHEMATICIAN])
    decision = STARTER.decide(RouteRequest(MATHS), pool)
    assert (decision.category, decision.expert, decision.rule) == (
        "math",
        "mathematician",
        "category",
    )
    assert next(iter(decision.probabilities)) == "math"
    assert "math" in decision.reason
    assert "balanced picks mathematician (expected quality 0." in decision.reason


def test_policies_choose_differently() -> None:
    pool = STARTER.pool([SMALL, LARGE])
    text = "Why did the Roman republic fall?"
    chosen = {
        p: STARTER.decide(RouteRequest(text, policy=p), pool).expert for p in STARTER.policies
    }
    assert chosen["quality"] == "large"
    assert chosen["economy"] == "small"
    assert pool.mapping("quality")["humanities"] == "large"
    assert pool.mapping("economy")["humanities"] == "small"


def test_unsure_requests_are_general() -> None:
    decision = STARTER.decide(RouteRequest(""), STARTER.pool([SMALL, LARGE]))
    assert (decision.category, decision.rule, decision.uncertainty) == ("general", "uncertain", 1.0)
    assert decision.reason.startswith("Unsure: most like")


def test_a_strange_request_is_not_called_torn_between_categories() -> None:
    doubting = replace(STARTER, gate=Gate(GateSettings(threshold=-1.0), 0.0))
    decision = doubting.decide(RouteRequest(MATHS), doubting.pool([SMALL, LARGE]))
    assert decision.probabilities["math"] > 0.5
    assert decision.reason.startswith(
        "Unsure: nearest to math, but unlike what the categories know."
    )


def test_what_can_be_executed_goes_to_the_interpreter_and_nothing_else_does() -> None:
    pool = STARTER.pool(EVERYONE)
    executable = RouteRequest("what is 17 * 23?", features=frozenset({"executable"}))
    decision = STARTER.decide(executable, pool)
    assert (decision.expert, decision.rule) == ("python", "specialist_input")
    assert "executable" in decision.reason
    decision = STARTER.decide(RouteRequest("what is 17 * 23?"), pool)
    assert "python" not in decision.ranked
    assert {v.id: v.excluded for v in decision.candidates}["python"] == "input"


@pytest.mark.parametrize(
    "text",
    [
        "what is 45 + 67?",
        "(6^11)*5092",
        "2275 / 19 =",
        "compute 8.5 - 3 * 2",
        "999 * 999",
        "what is 7 / 6?",
    ],
)
@pytest.mark.parametrize("policy", ["quality", "balanced", "economy"])
def test_arithmetic_goes_to_the_interpreter(text: str, policy: str) -> None:
    pool = STARTER.pool(EVERYONE)
    assert STARTER.decide(routing_text(text).request(policy), pool).expert == "python"


def test_the_next_best_serves_where_the_mapped_expert_cannot() -> None:
    pool = STARTER.pool([SMALL, LARGE, MATHEMATICIAN, Candidate("other", context_window=64_000)])
    decision = STARTER.decide(RouteRequest(MATHS, prompt_tokens=20_000), pool)
    assert decision.rule == "no_mapped_candidate"
    assert set(decision.ranked) == {"large", "other"}
    assert "usual expert cannot serve" in decision.reason


def test_an_only_candidate_is_said_to_be_one() -> None:
    pool = STARTER.pool([SMALL, LARGE])
    decision = STARTER.decide(RouteRequest("hi", needs=frozenset({"vision"})), pool)
    assert (decision.expert, decision.rule) == ("large", "only_candidate")


def test_nobody_left_says_why() -> None:
    down = Candidate("down", available=False)
    pool = STARTER.pool([SMALL, LARGE, PYTHON, down])
    request = RouteRequest("hi", needs=frozenset({"tools"}), prompt_tokens=200_000)
    with pytest.raises(NoEligibleExpert) as refusal:
        STARTER.decide(request, pool)
    message = str(refusal.value)
    assert "not available: down" in message
    assert "cannot do what is needed (tools): small, python" in message
    assert "context window too small for about 200000 tokens: large" in message
    with pytest.raises(NoEligibleExpert, match="no experts to choose from"):
        STARTER.decide(RouteRequest("hi"), STARTER.pool([]))
    assert STARTER.pool([]).mapping("quality") == {}


def test_an_unknown_policy_names_the_known() -> None:
    with pytest.raises(UnknownPolicy, match="'gold'; there are: quality, balanced, economy"):
        STARTER.decide(RouteRequest("hi", policy="gold"), STARTER.pool([SMALL]))


def test_an_id_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="an id is there twice"):
        STARTER.pool([SMALL, SMALL])


def test_a_large_catalogue_is_described_in_part_and_ranked_in_full() -> None:
    many = [Candidate(f"e{i}", active_parameters=i + 1, available=i % 2 == 0) for i in range(200)]
    decision = STARTER.decide(RouteRequest(MATHS), STARTER.pool(many))
    assert len(decision.ranked) == 100
    assert len(decision.candidates) == 2 * MAX_VIEWS


def test_the_version_names_everything_decisions_depend_on() -> None:
    general = Category("general", "General", "Everything.", ("hello",))
    law = Category("law", "Law", "Courts.", ("sue my landlord",))

    def build(*categories: Category, dimensions: int = 64) -> Router:
        return build_router(Taxonomy(categories), HashingEmbedder(dimensions), name="test")

    one = build(general, law).version
    assert one.startswith("test-")
    assert len(one) == len("test-") + 8
    assert build(general, law).version == one
    assert build(general).version != one
    assert build(general, law, dimensions=65).version != one
    assert starter_router().version == STARTER.version
    assert STARTER.version.startswith("starter-1-")


def test_the_starter_router_ships_with_the_calibration_that_holding_out_finds() -> None:
    found = build_router(starter_taxonomy(), StaticEmbedder(), name="starter-1")
    assert found.version == STARTER.version
    gate = found.gate
    assert isinstance(gate, Gate)
    temperature = found.classifier.temperature
    assert CALIBRATIONS.get(found.version) == Calibration(
        pytest.approx(temperature, rel=1e-6), pytest.approx(gate.strange, abs=1e-5)
    ), f"store {found.version}: {temperature!r}, {gate.strange!r} in router.router.CALIBRATIONS"


def test_works_with_any_embedder() -> None:
    router = starter_router(HashingEmbedder())
    assert router.decide(RouteRequest("Sue my landlord in court"), router.pool(EVERYONE)).category
