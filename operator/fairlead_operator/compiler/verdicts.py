"""The verdicts on providers and policies, once everything is settled: conflicts, room, and who uses whom."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from fairlead_operator.compiler.policies import NOTHING_SERVED, PolicyResult, Served, conflicted
from fairlead_operator.compiler.providers import ProviderResult
from fairlead_operator.verdict import Verdict

LeftOut = Mapping[str, frozenset[str]]
"""By gateway, the keys of the fragments for which its snapshot has no room."""


@dataclass(frozen=True, slots=True)
class Users:
    """By provider id: the policies that name it, and those with a rule that has no other target."""

    of_provider: Mapping[str, frozenset[str]]
    sole: Mapping[str, frozenset[str]]
    per_gateway: Mapping[str, int]

    @classmethod
    def of(cls, served: Iterable[Served]) -> "Users":
        users: dict[str, set[str]] = {}
        sole: dict[str, set[str]] = {}
        per_gateway: dict[str, int] = {}
        for each in served:
            per_gateway[each.gateway] = per_gateway.get(each.gateway, 0) + 1
            for provider in each.uses:
                users.setdefault(provider, set()).add(each.document.id)
            for provider in each.sole:
                sole.setdefault(provider, set()).add(each.document.id)
        return cls(_frozen(users), _frozen(sole), per_gateway)


def provider_verdict(result: ProviderResult, users: Users, left_out: LeftOut) -> Verdict:
    provider_id = result.verdict.ref.id
    return replace(
        result.verdict,
        users=tuple(sorted(users.of_provider.get(provider_id, ()))),
        sole_target_of=tuple(sorted(users.sole.get(provider_id, ()))),
        too_large=tuple(gateway for gateway, (_, fragment) in result.held.items() if fragment.key in left_out[gateway]),
    )


def policy_verdict(result: PolicyResult, losers: Mapping[str, tuple[str, str]], left_out: LeftOut) -> Verdict:
    verdict = result.verdict
    lost = losers.get(verdict.ref.id)
    if lost is not None:
        return Verdict(
            ref=verdict.ref,
            uid=verdict.uid,
            generation=verdict.generation,
            accepted=conflicted(verdict.accepted, *lost),
            resolved_refs=verdict.resolved_refs,
            withdrawn=True,
            redundant=NOTHING_SERVED,
        )
    if result.served is None or result.served.fragment.key not in left_out[result.served.gateway]:
        return verdict
    return replace(verdict, too_large=(result.served.gateway,))


def _frozen(sets: Mapping[str, set[str]]) -> dict[str, frozenset[str]]:
    return {key: frozenset(values) for key, values in sets.items()}
