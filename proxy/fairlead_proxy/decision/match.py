"""Which rule serves a call: the first one with an entry of which everything holds."""

from collections.abc import Iterable

from fairlead_proxy.contract.config import Match
from fairlead_proxy.contract.linked import Offer, Route
from fairlead_proxy.decision.facts import CallFacts


def match_route(routes: Iterable[Route], facts: CallFacts) -> Route | None:
    """Return the first route that matches; the routes are those of the call's virtual model, in rule order."""
    for route in routes:
        if not route.entries or any(entry_matches(entry, facts) for entry in route.entries):
            return route
    return None


def is_usual(offer: Offer, facts: CallFacts) -> bool:
    """Say whether the call brings nothing that a rule looks at: then it goes the model's usual way."""
    return not (facts.headers or facts.intent or offer.weighs_prompt or offer.weighs_operation)


def entry_matches(entry: Match, facts: CallFacts) -> bool:
    """Say whether everything that this entry demands holds; header values are compared exactly."""
    if entry.models and facts.model not in entry.models:
        return False
    if entry.operations and facts.operation not in entry.operations:
        return False
    if entry.intents and facts.intent not in entry.intents:
        return False
    prompt_tokens = facts.prompt_tokens or 0
    if entry.prompt_tokens_min is not None and prompt_tokens < entry.prompt_tokens_min:
        return False
    if entry.prompt_tokens_max is not None and prompt_tokens > entry.prompt_tokens_max:
        return False
    return all(facts.headers.get(name) == value for name, value in entry.headers.items())
