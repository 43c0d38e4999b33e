"""Consent is checked again where a call is made: a configuration that says too much still opens no provider."""

import msgspec
import pytest
from doubles.gateway_rig import TENANT, Rig, provider
from doubles.scripted_transport import DONE, ROLE, Answer, chunk, error, plain, stream, unreachable
from doubles.virtual_time import run_virtual
from fence.references import CONSENTED, OWNER, compiled

from fairlead_proxy.contract.config import Consumers, Gateway, Policy, Provider, Resilience, Rule, Target
from fairlead_proxy.contract.linked import GatewayConfig
from fairlead_proxy.contract.names import FailureClass, Strategy, WhenBroken
from fairlead_proxy.exchange.errors import UpstreamFailure

FOREIGN = msgspec.structs.replace(provider("unused"), id="vault/p")
"""Of another namespace, with no consumers but its own."""
OWN, CUT = provider("own"), UpstreamFailure(FailureClass.STREAM_BROKEN, "cut")
ALONE, FIRST, LAST = ("vault/p",), ("vault/p", f"{TENANT}/own"), (f"{TENANT}/own", "vault/p")
ENDS: dict[str, Answer] = {
    "unreachable": unreachable(),
    "status 500": error(500),
    "rate limited": error(429),
    "key refused": error(401),
    "cut before content": stream(CUT),
    "cut after content": stream(ROLE, chunk("Once "), CUT),
}
"""How the own provider fails, so that the next target is wanted: all but the last by fallback, that by continuation."""


def tampered(order: tuple[str, ...], strategy: Strategy, consumers: Consumers) -> GatewayConfig:
    targets = tuple(Target(provider=each, model="m", priority=place) for place, each in enumerate(order))
    resilience = Resilience(broken=WhenBroken.CONTINUE)
    rule = Rule(name="main", targets=targets, strategy=strategy, resilience=resilience)
    policy = Policy(id=f"{TENANT}/policy", models=("smart",), rules=(rule,))
    foreign = msgspec.structs.replace(FOREIGN, consumers=consumers)
    return GatewayConfig.of("r-1", Gateway(id=f"{TENANT}/gateway"), [OWN, foreign], [policy])


def asked(
    order: tuple[str, ...], strategy: Strategy, own: Answer, *, consents: bool = False, streamed: bool = False
) -> tuple[list[str], int]:
    """Return the providers that one call asked, and its status."""

    async def main() -> tuple[list[str], int]:
        consumers = Consumers(namespaces=(TENANT,)) if consents else Consumers()
        rig = Rig(tampered(order, strategy, consumers), {"own": [own]})
        going_on = stream(ROLE, chunk("upon a time."), chunk(finish="stop"), DONE)
        rig.transport.scripts["vault/p"] = [going_on if streamed else plain("the vault's")]
        caller = await rig.call(stream=streamed)
        return rig.transport.asked(), caller.status or 0

    return run_virtual(main())


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("order", [ALONE, FIRST, LAST], ids=["alone", "first", "last"])
def test_a_provider_that_does_not_consent_gets_no_first_attempt(order: tuple[str, ...], strategy: Strategy) -> None:
    providers, status = asked(order, strategy, plain())
    expected = ([], 503) if order is ALONE else ([f"{TENANT}/own"], 200)
    assert (providers, status) == expected


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("order", [FIRST, LAST], ids=["first", "last"])
@pytest.mark.parametrize("end", ENDS)
def test_a_provider_that_does_not_consent_gets_no_later_attempt_either(
    end: str, order: tuple[str, ...], strategy: Strategy
) -> None:
    providers, _ = asked(order, strategy, ENDS[end], streamed="cut" in end)
    assert set(providers) == {f"{TENANT}/own"}


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("end", ENDS)
def test_one_that_consents_gets_each_of_these_attempts(end: str, strategy: Strategy) -> None:
    """Else the two tests above would say nothing."""
    assert "vault/p" in asked(ALONE, strategy, plain(), consents=True)[0]
    providers = [asked(LAST, Strategy.PRIORITY, ENDS[end], consents=True, streamed="cut" in end)[0]]
    assert [each[-1] for each in providers] == ["vault/p"]


def test_a_caller_cannot_tell_a_provider_that_it_may_not_use_from_one_that_is_not_there() -> None:
    def answer(config: GatewayConfig) -> tuple[int, bytes]:
        async def main() -> tuple[int, bytes]:
            caller = await Rig(config, {"own": [plain()]}).call()
            return caller.status or 0, caller.body

        return run_virtual(main())

    there = tampered(ALONE, Strategy.PRIORITY, Consumers())
    absent = GatewayConfig.of("r-1", there.gateway, [OWN], list(there.policies.values()))
    assert answer(there) == answer(absent)
    assert answer(there)[0] == 503


def test_what_is_withdrawn_is_not_asked_by_the_next_call() -> None:
    """A configuration is linked from parts of the one before it: consent is no such part."""

    async def main() -> None:
        before = tampered(ALONE, Strategy.PRIORITY, Consumers(namespaces=(TENANT,)))
        withdrawn = msgspec.structs.replace(FOREIGN, consumers=Consumers())
        rig = Rig(before, {"own": [plain()]})
        rig.transport.scripts["vault/p"] = [plain()]
        assert (await rig.call()).status == 200
        policies = list(before.policies.values())
        rig.config = GatewayConfig.of("r-2", before.gateway, [OWN, withdrawn], policies, before)
        assert (await rig.call()).status == 503
        assert rig.transport.asked() == ["vault/p"]

    run_virtual(main())


def test_what_the_compiler_has_said_is_judged_again() -> None:
    """Its own documents, of which only the provider's consent is changed."""
    reference = CONSENTED["RoutePolicy.spec.rules[].route.targets[].provider"]
    fleet = compiled(reference.build("{namespaceSelector: {}}", "friend", "p")).gateways[f"{OWNER}/main"]
    documents = [fragment.read() for fragment in fleet.fragments]
    (gateway,) = [each for each in documents if isinstance(each, Gateway)]
    policies = [each for each in documents if isinstance(each, Policy)]
    (offering,) = [each for each in documents if isinstance(each, Provider)]
    silent = msgspec.structs.replace(offering, consumers=Consumers())

    def permitted(provider: Provider) -> list[bool]:
        offer = GatewayConfig.of("r", gateway, [provider], policies).offers["friend", "smart"]
        return [linked.permitted for route in offer.routes for linked in route.targets]

    assert permitted(offering) == [True]
    assert permitted(silent) == [False]


def test_a_policy_of_a_namespace_that_the_gateway_does_not_admit_is_not_offered() -> None:
    policy = Policy(id="stranger/policy", models=("smart",), rules=())
    for tenants, offered in (((), ()), (("stranger",), ("smart",)), (None, ("smart",))):
        config = GatewayConfig.of("r", Gateway(id="owner/main", tenants=tenants), [], [policy])
        assert config.virtual_models("stranger") == offered
