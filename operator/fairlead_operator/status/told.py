"""Which objects need a look: an object of whose status nothing has changed since it stood as it should needs none."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from fairlead_operator.inventory import Inventory
from fairlead_operator.resources.found import Found
from fairlead_operator.resources.meta import Kind, ObjectRef
from fairlead_operator.status.conditions import Status
from fairlead_operator.status.facts import Facts
from fairlead_operator.status.policy_status import policy_evidence
from fairlead_operator.status.programmed import rule_programmed
from fairlead_operator.status.provider_status import provider_evidence
from fairlead_operator.status.spending import DaysUsage
from fairlead_operator.status.status_of import status_of
from fairlead_operator.status.write_budget import Change, StatusLedger, change_between
from fairlead_operator.verdict import Verdict


@dataclass(frozen=True, slots=True)
class _Basis:
    """All that a status is made of but the time, which only dates a change: the same again makes the same status."""

    verdict: Verdict
    previous: Status
    evidence: Hashable
    usage: Status | None


class Told:
    """The objects whose status says what there is to say, each with what it was made of; kept from pass to pass.

    A status that waits to be written is kept as well: thousands may wait, and only a few are written in a pass.
    """

    def __init__(self) -> None:
        self._told: dict[ObjectRef, _Basis] = {}
        self._waiting: dict[ObjectRef, tuple[_Basis, Status]] = {}
        self._usage = DaysUsage()

    def changed(
        self, verdicts: Mapping[ObjectRef, Verdict], inventory: Inventory, facts: Facts, ledger: StatusLedger
    ) -> tuple[list[tuple[Found[Any], Mapping[str, Any]]], bool]:
        """Return the statuses that may differ from those that stand, and whether it is too early for others.

        An object that has changed since it was compiled is left out: its verdict is not about what it is now.
        """
        wanted: list[tuple[Found[Any], Mapping[str, Any]]] = []
        before, self._told = self._told, {}
        waiting, self._waiting = self._waiting, {}
        early = False
        for ref, verdict in verdicts.items():
            found = inventory.find(ref)
            if found is None or (found.uid, found.generation) != (verdict.uid, verdict.generation):
                continue
            previous = ledger.status_now(found)
            usage = self._used(verdict, previous, facts)
            basis = _basis(verdict, previous, facts, usage)
            if basis is not None and before.get(ref) == basis:
                self._told[ref] = basis
                continue
            known = waiting.get(ref)
            if basis is not None and known is not None and known[0] == basis:
                self._waiting[ref] = known
                wanted.append((found, known[1]))
                continue
            status = status_of(verdict, facts, previous, usage)
            if status is None:
                early = True
                continue
            wanted.append((found, status))
            if basis is None:
                continue
            if change_between(previous, status) is Change.NONE:
                self._told[ref] = basis
            else:
                self._waiting[ref] = basis, status
        return wanted, early

    def _used(self, verdict: Verdict, previous: Status, facts: Facts) -> Status | None:
        if verdict.ref.kind is Kind.MODEL_GATEWAY:
            return None
        fleets = (fleet.usage for fleet in facts.fleets.values())
        return self._usage.shown(verdict.ref, verdict.uid, previous, fleets, facts.now)


def _basis(verdict: Verdict, previous: Status, facts: Facts, usage: Status | None) -> _Basis | None:
    """Return what the status is made of; None where time itself changes it, or there are few such objects anyway."""
    if verdict.ref.kind is Kind.MODEL_GATEWAY:
        return None
    programmed = rule_programmed(verdict, facts.fleets, facts.now)
    if programmed is None:
        return None
    evidence = policy_evidence if verdict.ref.kind is Kind.ROUTE_POLICY else provider_evidence
    return _Basis(verdict, previous, (programmed, evidence(verdict, facts)), usage)
