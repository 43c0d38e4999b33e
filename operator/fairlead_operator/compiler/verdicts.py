"""The verdicts on providers and policies, once everything is settled: conflicts, room, and who uses whom."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from fairlead_operator.compiler.policies import Held, PolicyResult, conflicted, redundancy, rule_views
from fairlead_operator.compiler.providers import ProviderResult
from fairlead_operator.verdict import Reason, Ruling, Truth, Verdict
from fairlead_proxy.contract.config import Policy

LeftOut = Mapping[str, frozenset[str]]
"""By gateway, the keys of the fragments for which its snapshot has no room."""

NOTHING_SERVED = Ruling(Truth.FALSE, Reason.SINGLE_FAILURE_DOMAIN, "nothing of this policy is served")


@dataclass(frozen=True, slots=True)
class Users:
    """By provider id: the policies that name it, and those with a rule that has no other target."""

    of_provider: Mapping[str, frozenset[str]]
    sole: Mapping[str, frozenset[str]]
    per_gateway: Mapping[str, int]

    @classmethod
    def of(cls, served: Iterable[PolicyResult]) -> "Users":
        users: dict[str, set[str]] = {}
        sole: dict[str, set[str]] = {}
        per_gateway: dict[str, int] = {}
        for result in served:
            if result.document is None or result.gateway is None:
                continue
            per_gateway[result.gateway] = per_gateway.get(result.gateway, 0) + 1
            for providers in _providers_by_rule(result.document):
                for provider in providers:
                    users.setdefault(provider, set()).add(result.document.id)
                if len(providers) == 1:
                    sole.setdefault(next(iter(providers)), set()).add(result.document.id)
        return cls(_frozen(users), _frozen(sole), per_gateway)


def provider_verdict(result: ProviderResult, users: Users, left_out: LeftOut) -> Verdict:
    provider_id = result.verdict.ref.id
    return replace(
        result.verdict,
        users=tuple(sorted(users.of_provider.get(provider_id, ()))),
        sole_target_of=tuple(sorted(users.sole.get(provider_id, ()))),
        too_large=tuple(gateway for gateway, (_, fragment) in result.held.items() if fragment.key in left_out[gateway]),
    )


def policy_verdict(
    result: PolicyResult, losers: Mapping[str, tuple[str, str]], held: Held, left_out: LeftOut
) -> Verdict:
    found = result.found
    verdict = replace(Verdict.on(found, result.accepted, result.resolved), redundant=NOTHING_SERVED)
    if found.ref.id in losers:
        return replace(verdict, accepted=conflicted(result, *losers[found.ref.id]), withdrawn=True)
    if result.document is None or result.fragment is None or result.gateway is None:
        return replace(verdict, withdrawn=result.resolved.reason is not Reason.GATEWAY_NOT_FOUND)
    providers = held[result.gateway]
    too_large = result.fragment.key in left_out[result.gateway]
    return replace(
        verdict,
        fragments={result.gateway: result.fragment.header.hash},
        rolled_back_to=result.rolled_back_to,
        redundant=redundancy(result.document, providers),
        rules=rule_views(result.document, providers),
        too_large=(result.gateway,) if too_large else (),
    )


def _providers_by_rule(policy: Policy) -> list[set[str]]:
    return [{target.provider for target in rule.targets} for rule in policy.rules]


def _frozen(sets: Mapping[str, set[str]]) -> dict[str, frozenset[str]]:
    return {key: frozenset(values) for key, values in sets.items()}
