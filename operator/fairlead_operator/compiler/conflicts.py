"""Which of two policies of one namespace keeps a virtual model that both expose: the older one."""

from collections.abc import Iterable, Mapping

from fairlead_operator.compiler.policies import PolicyResult


def settle_conflicts(by_age: Iterable[PolicyResult]) -> Mapping[str, tuple[str, str]]:
    """Return, by the id of each loser, the id of the winner and the virtual model that they contend for.

    The oldest stands first, and takes its models. A loser takes nothing, so it does not knock out a third; a policy of
    which nothing is served takes no part.
    """
    losers: dict[str, tuple[str, str]] = {}
    taken: dict[tuple[str, str, str], str] = {}
    for result in by_age:
        if result.served is None:
            continue
        ref = result.verdict.ref
        claims = [(result.served.gateway, ref.namespace, model) for model in result.served.document.models]
        contended = next((claim for claim in claims if claim in taken), None)
        if contended is None:
            taken.update(dict.fromkeys(claims, ref.id))
        else:
            losers[ref.id] = taken[contended], contended[2]
    return losers
