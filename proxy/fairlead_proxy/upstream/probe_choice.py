"""Which model a probe asks that is a real call, and in which mode."""

from collections.abc import Iterable, Mapping

from fairlead_proxy.contract.cell import Cell
from fairlead_proxy.contract.config import Credential, Model, Provider
from fairlead_proxy.contract.dialects import dialect_of, sort_of
from fairlead_proxy.contract.names import BreakerState, DialectName, Mode, Operation
from fairlead_proxy.contract.report import Observation
from fairlead_proxy.upstream.probe_budget import expected_cost


def choose_cell(
    provider: Provider, credential: Credential, observations: Iterable[Observation], probed_at: Mapping[Cell, float]
) -> tuple[Model, Mode] | None:
    """Return what to ask: of the cells of this credential whose breaker is not closed the one that was probed longest
    ago, of several the cheapest; where all are closed, the cheapest model, for a plain answer. Only what has a price is
    asked: None where that is nothing.
    """
    costs = _costs(provider)
    troubled = {
        Cell(seen.provider, seen.credential, seen.model, seen.mode)
        for seen in observations
        if (seen.provider, seen.credential) == (provider.id, credential.name)
        and (seen.breaker is not BreakerState.CLOSED or seen.overdue)
    }
    priced = [cell for cell in troubled if cell.model in costs]
    if priced:
        chosen = min(priced, key=lambda cell: (probed_at.get(cell, 0.0), costs[cell.model], cell.model, cell.mode))
        model, mode = chosen.model, chosen.mode
    elif costs and not troubled:
        model, mode = min(costs, key=lambda name: (costs[name], name)), Mode.PLAIN
    else:
        return None
    found = provider.model(model)
    return None if found is None else (found, mode)


def _costs(provider: Provider) -> dict[str, int]:
    """Return, by the names of the models that can be asked, what a probe costs. Currencies are not converted."""
    costs: dict[str, int] = {}
    for model in provider.models:
        cost = expected_cost(model.price)
        if cost is not None and dialect_of(sort_of(provider, model), DialectName.OPENAI_CHAT, Operation.CHAT):
            costs[model.name] = cost
    return costs
