"""What is taken over from the configuration before never differs from what would have been made anew."""

from doubles.mounted_config import gateway
from hypothesis import given
from hypothesis import strategies as st

from fairlead_proxy.contract.config import Gateway, Match, Model, Policy, Provider, Rule, Target
from fairlead_proxy.contract.linked import GatewayConfig
from fairlead_proxy.contract.names import ProviderType

MODELS = ("smart", "quick")
PROVIDERS = [
    Provider(id=f"ai/{name}", type=ProviderType.OPENAI, url=url, models=(Model(name="m", upstream_name="m"),))
    for name in ("a", "b")
    for url in ("https://one.example", "https://two.example")
]
POLICIES = [
    Policy(
        id=f"{namespace}/{name}",
        models=models,
        rules=(
            Rule(
                name="r", match=(Match(models=(models[0],)),), targets=(Target(provider=f"ai/{provider}", model="m"),)
            ),
        ),
    )
    for namespace in ("x", "y")
    for name in ("p", "q")
    for models in (MODELS[:1], MODELS[1:], MODELS)
    for provider in ("a", "b", "gone")
]
GATEWAYS = [gateway(), gateway(tenants=("x",)), gateway(max_attempts=2)]
worlds = st.tuples(
    st.sampled_from(GATEWAYS),
    st.lists(st.sampled_from(PROVIDERS), unique_by=lambda provider: provider.id, max_size=2),
    st.lists(st.sampled_from(POLICIES), unique_by=lambda policy: policy.id, max_size=4),
)


@given(st.lists(worlds, min_size=2, max_size=5))
def test_a_history_of_edits_ends_where_a_fresh_start_would(
    history: list[tuple[Gateway, list[Provider], list[Policy]]],
) -> None:
    previous: GatewayConfig | None = None
    for number, (now, providers, policies) in enumerate(history):
        fresh = GatewayConfig.of(f"r-{number}", now, providers, policies)
        previous = GatewayConfig.of(f"r-{number}", now, providers, policies, previous)
        assert previous == fresh


def test_an_edit_of_one_policy_keeps_the_routes_of_the_others() -> None:
    other = next(policy for policy in POLICIES if policy.namespace == "y")
    before, after = POLICIES[0], POLICIES[1]
    first = GatewayConfig.of("r-1", GATEWAYS[0], PROVIDERS[::2], [other, before])
    second = GatewayConfig.of("r-2", GATEWAYS[0], PROVIDERS[::2], [other, after], first)
    key = (other.namespace, other.models[0])
    assert second.offers[key] is first.offers[key]


def test_an_edit_of_a_provider_relinks_the_policies_that_refer_to_it() -> None:
    policy = POLICIES[0]
    first = GatewayConfig.of("r-1", GATEWAYS[0], [PROVIDERS[0]], [policy])
    second = GatewayConfig.of("r-2", GATEWAYS[0], [PROVIDERS[1]], [policy], first)
    assert second.offers["x", "smart"].routes[0].targets[0].provider is PROVIDERS[1]


def test_what_a_deleted_policy_offered_goes_with_it() -> None:
    kept, deleted = POLICIES[0], next(policy for policy in POLICIES if policy.id == "x/q" and "smart" in policy.models)
    first = GatewayConfig.of("r-1", GATEWAYS[0], PROVIDERS[::2], [kept, deleted])
    second = GatewayConfig.of("r-2", GATEWAYS[0], PROVIDERS[::2], [kept], first)
    assert second.offers["x", "smart"].routes[0].policy is kept
