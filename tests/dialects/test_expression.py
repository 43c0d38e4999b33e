"""What the table of words says of each dialect is what its writer of requests does, and what a decision heeds."""

from itertools import product
from random import Random

import pytest
from doubles.dialect_samples import MODELS, SAMPLES

from fairlead_proxy.contract.config import Credential, Gateway, Model, Policy, Provider, Rule, Target
from fairlead_proxy.contract.dialects import CALLER_DIALECTS, dialect_of_step
from fairlead_proxy.contract.linked import GatewayConfig
from fairlead_proxy.contract.names import DialectName, Feature, Operation, ProviderType
from fairlead_proxy.decision.decide import decide
from fairlead_proxy.decision.expression import EXPRESSES
from fairlead_proxy.decision.facts import AssumedWorld, CallFacts
from fairlead_proxy.decision.plan import Plan, SkipReason
from fairlead_proxy.dialects.dialect import Written
from fairlead_proxy.dialects.registry import provider_dialect
from fairlead_proxy.exchange.features import features_of

EXPRESSED = [(dialect, feature) for dialect, feature in product(DialectName, Feature) if feature in EXPRESSES[dialect]]
UNSPOKEN = [
    (dialect, feature) for dialect, feature in product(DialectName, Feature) if feature not in EXPRESSES[dialect]
]
TYPES = {
    DialectName.OPENAI_CHAT: (ProviderType.OPENAI, Operation.CHAT),
    DialectName.OPENAI_RESPONSES: (ProviderType.OPENAI, Operation.RESPONSES),
    DialectName.ANTHROPIC: (ProviderType.ANTHROPIC, Operation.CHAT),
    DialectName.GEMINI: (ProviderType.GEMINI, Operation.CHAT),
    DialectName.BEDROCK: (ProviderType.BEDROCK, Operation.CHAT),
}
"""A provider that is spoken to in each dialect, and what its model lists."""


def written(dialect: DialectName, feature: Feature) -> Written:
    writer = provider_dialect(dialect, Operation.CHAT)
    return writer.write_request(SAMPLES[feature].conversation, model=MODELS[dialect])


def is_said(body: bytes, feature: Feature) -> bool:
    return any(word.encode() in body for word in SAMPLES[feature].words)


def plan_for(feature: Feature, caller: DialectName, *targets: DialectName) -> Plan:
    """Return the plan of a call that uses a feature, with targets of these dialects in this order."""
    providers = []
    for name in targets:
        type_, operation = TYPES[name]
        model = Model(name="m", upstream_name=MODELS[name], operations=(operation,))
        providers.append(Provider(id=f"team/{name}", type=type_, models=(model,), credentials=(Credential(name="k"),)))
        assert dialect_of_step(providers[-1], model, caller, Operation.CHAT) is name
    ordered = tuple(Target(provider=f"team/{name}", model="m", priority=place) for place, name in enumerate(targets))
    policy = Policy(id="team/policy", models=("smart",), rules=(Rule(name="only", targets=ordered),))
    config = GatewayConfig.of("r-1", Gateway(id="ai/main", tenants=None), providers, [policy])
    facts = CallFacts("team", "smart", dialect=caller, features=features_of(SAMPLES[feature].conversation))
    return decide(config, facts, AssumedWorld(), Random(1))


def a_speaker_of(feature: Feature, other: DialectName) -> DialectName:
    """Return a dialect that has words for a feature, and that is not this one."""
    return next(name for name in DialectName if name is not other and feature in EXPRESSES[name])


def a_caller_beside(*targets: DialectName) -> DialectName:
    return next(name for name in CALLER_DIALECTS if name not in targets)


@pytest.mark.parametrize("feature", Feature)
def test_every_feature_has_a_sample_that_uses_it_and_no_more_than_it_must(feature: Feature) -> None:
    sample = SAMPLES[feature]
    assert features_of(sample.conversation) == {feature} | sample.also


def test_every_dialect_has_its_words_listed() -> None:
    assert set(EXPRESSES) == set(DialectName)
    assert all(words <= set(Feature) for words in EXPRESSES.values())


@pytest.mark.parametrize(("dialect", "feature"), EXPRESSED)
def test_what_is_listed_is_written_and_nothing_of_it_is_lost(dialect: DialectName, feature: Feature) -> None:
    request = written(dialect, feature)
    assert is_said(request.body, feature)
    assert request.lost == ()


@pytest.mark.parametrize(("dialect", "feature"), UNSPOKEN)
def test_what_is_not_listed_would_be_lost_and_named(dialect: DialectName, feature: Feature) -> None:
    request = written(dialect, feature)
    assert not is_said(request.body, feature)
    assert request.lost


@pytest.mark.parametrize(("dialect", "feature"), EXPRESSED)
def test_a_target_with_words_for_it_is_used(dialect: DialectName, feature: Feature) -> None:
    plan = plan_for(feature, a_caller_beside(dialect), dialect)
    assert [step.provider.id for step in plan.steps] == [f"team/{dialect}"]


@pytest.mark.parametrize(("dialect", "feature"), UNSPOKEN)
def test_a_target_without_words_for_it_is_skipped_and_the_next_one_used(dialect: DialectName, feature: Feature) -> None:
    other = a_speaker_of(feature, dialect)
    plan = plan_for(feature, a_caller_beside(dialect, other), dialect, other)
    assert [step.provider.id for step in plan.steps] == [f"team/{other}"]
    skip = plan.considered[0].skip
    assert skip is not None
    assert skip.reason is SkipReason.CANNOT_EXPRESS
    assert str(feature) in skip.detail


@pytest.mark.parametrize(("dialect", "feature"), UNSPOKEN)
def test_where_no_target_has_words_for_it_the_refusal_names_it(dialect: DialectName, feature: Feature) -> None:
    plan = plan_for(feature, a_caller_beside(dialect), dialect)
    assert plan.refusal is not None
    assert str(feature) in plan.refusal.message
