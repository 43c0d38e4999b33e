"""Which targets serve a call, in which order, and why the others do not."""

from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_proxy.contract.config import Consumers, Credential, Gateway, Match, Model, Policy, Provider, Rule, Target
from fairlead_proxy.contract.linked import GatewayConfig, Step
from fairlead_proxy.contract.names import FailureClass, MaintenanceState, Mode, Operation, ProviderType, Strategy
from fairlead_proxy.decision.decide import decide
from fairlead_proxy.decision.facts import ABLE, AssumedWorld, CallFacts, CellState
from fairlead_proxy.decision.plan import Plan, RefusalKind, SkipReason

WELL = AssumedWorld()


def facts(**more: Any) -> CallFacts:
    """Return the facts of a call for `smart`, but for what is given."""
    return CallFacts(**({"tenant": "team", "model": "smart"} | more))


FACTS = facts()


class _World:
    """A world in which nothing can be remembered."""

    def settled(self, operation: Operation) -> object:
        return None


def provider(name: str, *, namespace: str = "team", **more: object) -> Provider:
    given: dict[str, object] = {"models": (Model(name="m", upstream_name="M"),)} | more
    return Provider(id=f"{namespace}/{name}", type=ProviderType.OPENAI, **given)  # type: ignore[arg-type]  # tests only


def rule(name: str, *targets: Target, **more: object) -> Rule:
    return Rule(name=name, targets=targets, **more)  # type: ignore[arg-type]  # tests only


def target(name: str, *, namespace: str = "team", priority: int = 0, weight: int = 1, model: str = "m") -> Target:
    return Target(provider=f"{namespace}/{name}", model=model, priority=priority, weight=weight)


def config(providers: list[Provider], rules: list[Rule], models: tuple[str, ...] = ("smart",)) -> GatewayConfig:
    policy = Policy(id="team/policy", models=models, rules=tuple(rules))
    return GatewayConfig.of("r-1", Gateway(id="ai/main", tenants=None), providers, [policy])


def in_maintenance(name: str, state: MaintenanceState) -> Provider:
    return provider(name, maintenance=state)


def tried(plan: Plan) -> list[str]:
    return [str(step.target) for step in plan.steps]


def skips(plan: Plan) -> dict[str, SkipReason]:
    return {str(entry.target): entry.skip.reason for entry in plan.considered if entry.skip}


def kind_of(plan: Plan) -> RefusalKind | None:
    return plan.refusal.kind if plan.refusal else None


def test_lower_priority_goes_first() -> None:
    served = config([provider("a"), provider("b")], [rule("r", target("b", priority=1), target("a", priority=0))])
    assert tried(decide(served, FACTS, WELL, Random(1))) == ["team/a/m", "team/b/m"]


def test_first_matching_rule_wins() -> None:
    rules = [
        rule("code", target("a"), match=(Match(intents=("code",)),)),
        rule("rest", target("b")),
    ]
    served = config([provider("a"), provider("b")], rules)
    assert tried(decide(served, facts(intent="code"), WELL, Random(1))) == ["team/a/m"]
    assert tried(decide(served, FACTS, WELL, Random(1))) == ["team/b/m"]


def test_any_entry_matches_but_all_of_it_must() -> None:
    match = (Match(headers={"x-task": "deep"}, prompt_tokens_min=10), Match(models=("other",)))
    served = config([provider("a")], [rule("r", target("a"), match=match)], ("smart", "other"))
    deep = {"x-task": "deep"}
    assert kind_of(decide(served, facts(headers=deep, prompt_tokens=9), WELL, Random(1))) is RefusalKind.NO_RULE
    assert tried(decide(served, facts(headers=deep, prompt_tokens=10), WELL, Random(1))) == ["team/a/m"]
    assert tried(decide(served, facts(model="other"), WELL, Random(1))) == ["team/a/m"]


def test_a_model_of_another_tenant_does_not_exist() -> None:
    served = config([provider("a")], [rule("r", target("a"))])
    assert kind_of(decide(served, facts(tenant="other"), WELL, Random(1))) is RefusalKind.MODEL_NOT_FOUND


def test_a_namespace_that_the_gateway_does_not_admit_is_not_served() -> None:
    policy = Policy(id="team/policy", models=("smart",), rules=(rule("r", target("a")),))
    served = GatewayConfig.of("r-1", Gateway(id="ai/main", tenants=("friends",)), [provider("a")], [policy])
    assert kind_of(decide(served, FACTS, WELL, Random(1))) is RefusalKind.MODEL_NOT_FOUND


def test_consent_is_checked_again() -> None:
    providers = [
        provider("a", namespace="ai"),
        provider("b", namespace="ai", consumers=Consumers(namespaces=("team",))),
    ]
    served = config(providers, [rule("r", target("a", namespace="ai"), target("b", namespace="ai"))])
    plan = decide(served, FACTS, WELL, Random(1))
    assert tried(plan) == ["ai/b/m"]
    assert skips(plan) == {"ai/a/m": SkipReason.NOT_PERMITTED}


def test_a_provider_or_model_that_is_not_there_is_skipped() -> None:
    served = config([provider("a")], [rule("r", target("gone"), target("a", model="none"), target("a"))])
    plan = decide(served, FACTS, WELL, Random(1))
    assert tried(plan) == ["team/a/m"]
    assert skips(plan) == {
        "team/gone/m": SkipReason.PROVIDER_MISSING,
        "team/a/none": SkipReason.MODEL_MISSING,
    }


def test_capabilities_omitted_claim_nothing_and_given_are_closed() -> None:
    closed = (Model(name="m", upstream_name="M", capabilities=("vision",)),)
    served = config([provider("a", models=closed), provider("b")], [rule("r", target("a"), target("b", priority=1))])
    plan = decide(served, facts(needs=frozenset({"tools"})), WELL, Random(1))
    assert tried(plan) == ["team/b/m"]
    assert skips(plan) == {"team/a/m": SkipReason.CAPABILITY_MISSING}


def test_a_capability_that_no_target_has_is_named() -> None:
    closed = (Model(name="m", upstream_name="M", capabilities=()),)
    served = config([provider("a", models=closed)], [rule("r", target("a"))])
    plan = decide(served, facts(needs=frozenset({"tools"})), WELL, Random(1))
    assert plan.refusal is not None
    assert plan.refusal.kind is RefusalKind.CAPABILITY_MISSING
    assert "tools" in plan.refusal.message


@pytest.mark.parametrize(
    ("capable", "reason"),
    [
        (target("keyless"), SkipReason.NO_KEY),
        (target("cooling"), SkipReason.COOLING),
        (target("withheld"), SkipReason.PROVIDER_MISSING),
        (target("keyless", model="withheld"), SkipReason.MODEL_MISSING),
        (target("closed", namespace="ai"), SkipReason.NOT_PERMITTED),
    ],
    ids=lambda value: str(value),
)
def test_a_capability_is_not_missing_while_a_target_may_yet_offer_it(capable: Target, reason: SkipReason) -> None:
    class Troubled(_World):
        def has_key(self, step: Step) -> bool:
            return step.provider.id != "team/keyless"

        def state_of(self, step: Step, mode: Mode) -> CellState:
            return CellState(False, FailureClass.OVERLOADED, 40.0)

    lacking = provider("lacking", models=(Model(name="m", upstream_name="M", capabilities=()),))
    others = [provider("keyless"), provider("cooling"), provider("closed", namespace="ai")]
    served = config([lacking, *others], [rule("r", target("lacking"), capable)])
    plan = decide(served, facts(needs=frozenset({"tools"})), Troubled(), Random(1))
    assert kind_of(plan) is RefusalKind.NO_TARGET
    assert skips(plan) == {"team/lacking/m": SkipReason.CAPABILITY_MISSING, str(capable): reason}


SMALL = (Model(name="m", upstream_name="M", context_window=100),)
LONG = facts(prompt_tokens=101)


def lates(plan: Plan) -> dict[str, str]:
    return {str(entry.target): str(entry.late) for entry in plan.considered if entry.late}


def test_a_target_that_seems_too_small_comes_last_and_says_why() -> None:
    both = config([provider("a", models=SMALL), provider("b")], [rule("r", target("a"), target("b", priority=1))])
    plan = decide(both, LONG, WELL, Random(1))
    assert tried(plan) == ["team/b/m", "team/a/m"]
    assert lates(plan) == {"team/a/m": "ContextTooSmall: about 101 tokens, window 100"}
    assert tried(decide(both, facts(prompt_tokens=100), WELL, Random(1))) == ["team/a/m", "team/b/m"]


def test_targets_that_all_seem_too_small_keep_their_order() -> None:
    both = config([provider(name, models=SMALL) for name in "ab"], [rule("r", target("b"), target("a", priority=1))])
    assert tried(decide(both, LONG, WELL, Random(1))) == ["team/b/m", "team/a/m"]


def test_an_estimate_alone_denies_no_call() -> None:
    class LargeIsCooling(_World):
        def has_key(self, step: Step) -> bool:
            return True

        def state_of(self, step: Step, mode: Mode) -> CellState:
            return CellState(able=step.provider.id == "team/a", reason=FailureClass.RATE_LIMITED, until=9.0)

    both = config([provider("a", models=SMALL), provider("b")], [rule("r", target("a"), target("b", priority=1))])
    plan = decide(both, LONG, LargeIsCooling(), Random(1))
    assert tried(plan) == ["team/a/m"]
    assert skips(plan) == {"team/b/m": SkipReason.COOLING}


@pytest.mark.parametrize(("max_tokens", "first"), [(20, "team/a/m"), (21, "team/b/m")])
def test_the_answer_that_is_asked_for_needs_its_place_in_the_window(max_tokens: int, first: str) -> None:
    both = config([provider("a", models=SMALL), provider("b")], [rule("r", target("a"), target("b", priority=1))])
    asked = facts(prompt_tokens=80, max_tokens=max_tokens)
    assert tried(decide(both, asked, WELL, Random(1)))[0] == first


def test_every_credential_of_a_target_comes_before_the_next_target() -> None:
    two = provider("a", credentials=(Credential(name="x"), Credential(name="y")))
    served = config([two, provider("b")], [rule("r", target("a"), target("b", priority=1))])
    steps = [(step.provider.id, step.credential.name) for step in decide(served, FACTS, WELL, Random(1)).steps]
    assert sorted(steps[:2]) == [("team/a", "x"), ("team/a", "y")]
    assert steps[2] == ("team/b", "anonymous")


def test_all_targets_cooling_names_the_soonest() -> None:
    class Cooling(_World):
        def has_key(self, step: Step) -> bool:
            return True

        def state_of(self, step: Step, mode: Mode) -> CellState:
            return CellState(False, FailureClass.RATE_LIMITED, {"team/a": 50.0, "team/b": 40.0}[step.provider.id])

    served = config([provider("a"), provider("b")], [rule("r", target("a"), target("b"))])
    plan = decide(served, FACTS, Cooling(), Random(1))
    assert plan.steps == ()
    assert plan.refusal is not None
    assert (plan.refusal.kind, plan.refusal.retry_at) == (RefusalKind.NO_TARGET, 40.0)


def test_a_credential_without_key_is_passed_over() -> None:
    class OneKey(_World):
        def has_key(self, step: Step) -> bool:
            return step.credential.name == "y"

        def state_of(self, step: Step, mode: Mode) -> CellState:
            return ABLE

    two = provider("a", credentials=(Credential(name="x"), Credential(name="y")))
    plan = decide(config([two], [rule("r", target("a"))]), FACTS, OneKey(), Random(1))
    assert [step.credential.name for step in plan.steps] == ["y"]
    assert [name for name, _ in plan.considered[0].skipped_credentials] == ["x"]


@pytest.mark.parametrize("strategy", list(Strategy))
def test_weights_share_the_calls(strategy: Strategy) -> None:
    rules = [rule("r", target("a", weight=3), target("b", weight=1), strategy=strategy)]
    served = config([provider("a"), provider("b")], rules)
    rng = Random(7)
    first = [tried(decide(served, FACTS, WELL, rng))[0] for _ in range(4000)]
    assert 0.72 < first.count("team/a/m") / 4000 < 0.78


def test_weighted_looks_past_priority() -> None:
    rules = [rule("r", target("a", priority=0), target("b", priority=9), strategy=Strategy.WEIGHTED)]
    served = config([provider("a"), provider("b")], rules)
    rng = Random(3)
    assert {tried(decide(served, FACTS, WELL, rng))[0] for _ in range(64)} == {"team/a/m", "team/b/m"}


targets_of = st.lists(
    st.builds(
        Target,
        provider=st.sampled_from([f"{namespace}/p{number}" for namespace in ("team", "ai") for number in range(4)]),
        model=st.sampled_from(["m", "n"]),
        priority=st.integers(0, 2),
        weight=st.integers(1, 5),
    ),
    min_size=1,
    max_size=8,
)


@given(
    targets=targets_of,
    down=st.sets(st.sampled_from([f"{namespace}/p{number}" for namespace in ("team", "ai") for number in range(4)])),
    consenting=st.booleans(),
    strategy=st.sampled_from(list(Strategy)),
    seed=st.integers(0, 1000),
)
def test_no_plan_ever_leaves_what_is_permitted_and_well(
    targets: list[Target], down: set[str], consenting: bool, strategy: Strategy, seed: int
) -> None:
    consumers = Consumers(namespaces=("team",) if consenting else ())
    providers = [provider(f"p{n}", namespace=ns, consumers=consumers) for ns in ("team", "ai") for n in range(3)]
    served = config(providers, [rule("r", *targets, strategy=strategy)])
    world = AssumedWorld(dict.fromkeys(down, FailureClass.UNREACHABLE))
    plan = decide(served, FACTS, world, Random(seed))
    for step in plan.steps:
        assert step.provider.id not in down
        assert step.provider.id.startswith("team/") or consenting
    could = [
        one
        for one in targets
        if one.model == "m"
        and one.provider.partition("/p")[2] != "3"
        and one.provider not in down
        and (one.provider.startswith("team/") or consenting)
    ]
    assert sorted(tried(plan)) == sorted(map(str, could))
    assert len(plan.considered) == len(targets)
    assert (plan.refusal is None) == bool(could)


@given(targets=targets_of, seed=st.integers(0, 1000))
def test_the_same_seed_gives_the_same_plan_after_a_round_trip(targets: list[Target], seed: int) -> None:
    providers = [provider(f"p{number}") for number in range(4)]
    served = config(providers, [rule("r", *targets)])
    again = config(
        [msgspec.json.decode(msgspec.json.encode(each), type=Provider) for each in providers],
        [msgspec.json.decode(msgspec.json.encode(rule("r", *targets)), type=Rule)],
    )
    assert tried(decide(served, FACTS, WELL, Random(seed))) == tried(decide(again, FACTS, WELL, Random(seed)))


class Remembering(_World):
    """A world that is well, and remembers."""

    def settled(self, operation: Operation) -> object:
        return self

    def has_key(self, step: Step) -> bool:
        return True

    def state_of(self, step: Step, mode: Mode) -> CellState:
        return ABLE


def test_a_settled_route_is_planned_once_and_alike() -> None:
    served = config([provider("a"), provider("b")], [rule("r", target("b", priority=1), target("a", priority=0))])
    world = Remembering()
    first, second = (decide(served, FACTS, world, Random(seed)) for seed in (1, 2))
    assert second is first
    assert first == decide(served, FACTS, WELL, Random(3))


@pytest.mark.parametrize(
    ("targets", "more"),
    [
        ([target("a"), target("b")], {}),
        ([target("a"), target("b", priority=1)], {"needs": frozenset({"tools"})}),
        ([target("keys")], {}),
        ([target("small")], {}),
    ],
    ids=["a draw", "a need", "two credentials", "a window"],
)
def test_what_chance_or_the_call_has_a_say_in_is_planned_each_time(
    targets: list[Target], more: dict[str, object]
) -> None:
    small = (Model(name="m", upstream_name="M", context_window=1000),)
    keys = (Credential(name="one"), Credential(name="two"))
    providers = [provider("a"), provider("b"), provider("keys", credentials=keys), provider("small", models=small)]
    served, world = config(providers, [rule("r", *targets)]), Remembering()
    assert decide(served, facts(**more), world, Random(1)) is not decide(served, facts(**more), world, Random(1))


def test_what_was_planned_under_another_state_of_the_world_is_planned_anew() -> None:
    served = config([provider("a")], [rule("r", target("a"))])
    assert decide(served, FACTS, Remembering(), Random(1)) is not decide(served, FACTS, Remembering(), Random(1))


@pytest.mark.parametrize("state", [MaintenanceState.CORDONED, MaintenanceState.DRAINING])
def test_a_provider_in_maintenance_gets_no_call_and_the_next_target_serves(state: MaintenanceState) -> None:
    found = config([in_maintenance("a", state), provider("b")], [rule("main", target("a"), target("b", priority=1))])
    plan = decide(found, FACTS, WELL, Random(1))
    assert (tried(plan), skips(plan)) == (["team/b/m"], {"team/a/m": SkipReason(state)})


def test_maintenance_of_every_target_is_told_as_what_it_is_and_may_end() -> None:
    found = config([in_maintenance("a", MaintenanceState.CORDONED)], [rule("main", target("a"))])
    refusal = decide(found, FACTS, WELL, Random(1)).refusal
    assert refusal is not None
    assert (refusal.kind, refusal.retry_at) == (RefusalKind.NO_TARGET, None)
    assert refusal.message == "no target of the model 'smart' can serve now: team/a/m Cordoned"
