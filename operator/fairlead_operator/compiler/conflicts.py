"""Which of two policies of one namespace keeps a virtual model that both expose: the older one."""

from collections.abc import Iterable, Mapping

from fairlead_operator.compiler.policies import PolicyResult


def settle_conflicts(results: Iterable[PolicyResult]) -> Mapping[str, tuple[str, str]]:
    """Return, by the id of each loser, the id of the winner and the virtual model that they contend for.

    The oldest goes first (creationTimestamp, then name), and takes its models. A loser takes nothing, so it does not
    knock out a third; a policy of which nothing is served takes no part.
    """
    losers: dict[str, tuple[str, str]] = {}
    taken: dict[tuple[str | None, str, str], str] = {}
    contenders = (result for result in results if result.document is not None)
    for result in sorted(contenders, key=lambda one: (one.found.created, one.found.ref)):
        assert result.document is not None
        namespace = result.found.ref.namespace
        claims = [(result.gateway, namespace, model) for model in result.document.models]
        contended = next((claim for claim in claims if claim in taken), None)
        if contended is None:
            taken.update(dict.fromkeys(claims, result.found.ref.id))
        else:
            losers[result.found.ref.id] = taken[contended], contended[2]
    return losers
