"""Books every attempt once: what it used and what that cost, in the form in which it is spooled."""

from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Protocol

import msgspec

from fairlead_proxy.contract.cell import Cell
from fairlead_proxy.contract.linked import Step
from fairlead_proxy.contract.names import FailureClass, Mode, Operation
from fairlead_proxy.contract.usage_record import BEGAN, Basis, Entry, Kind
from fairlead_proxy.exchange.outcome import Outcome
from fairlead_proxy.exchange.record import CallRecord
from fairlead_proxy.exchange.usage import Usage
from fairlead_proxy.telemetry.decisions import outcome_word
from fairlead_proxy.telemetry.faults import log_fault

MOST_KINDS = 4096
"""So many kinds are known at a time; then they begin anew, so that what left the configuration does not stay."""

KindKey = tuple[str, str, str, str, str, Operation, Mode, FailureClass | None, int | None, Basis]


class Records(Protocol):
    """Where lines go: `Spool`."""

    counters: memoryview

    def append(self, kinds: Sequence[str], entries: Sequence[str], *, renew: bool) -> bool: ...

    def drop(self, records: int, why: str) -> None:
        """Count records as lost."""
        ...


class Kept:
    """The numbers of the kinds that a step has had, as long as these are those known. See Shelf.

    `usual`: the number of the kind that most of its attempts are of, which answered with a count of the provider's; -1:
    none yet. The other attributes are what two of them must have in common.
    """

    __slots__ = ("age", "caller", "cell", "model", "numbers", "operation", "tenant", "usual")

    def __init__(self, age: int, record: CallRecord, model: str, cell: Cell) -> None:
        self.age = age
        self.numbers: dict[KindKey, int] = {}
        self.usual = -1
        self.tenant, self.caller, self.operation = record.tenant, record.caller, record.operation
        self.model, self.cell = model, cell


class Booking:
    """Reads the journal, writes to `records`. `gateway`: the id of the gateway in force."""

    def __init__(self, records: Records, proxy: str, gateway: Callable[[], str]) -> None:
        self._records = records
        self._counters = records.counters
        self._proxy = proxy
        self._gateway = gateway
        self._numbers: dict[bytes, int] = {}
        self._new: list[str] = []
        self._age = 0
        self._renew = True

    def began(self) -> None:
        """An attempt begins: from here on it is booked, or counted as lost."""
        self._counters[BEGAN] += 1

    def book(self, ended: Sequence[CallRecord]) -> None:
        """Book every attempt of calls that have ended."""
        entries: list[str] = []
        for record in ended:
            last = record.last
            if last is None:
                continue
            usage = last.usage
            try:
                if record.earlier:
                    entries += [self._entry(record, outcome, place) for place, outcome in enumerate(record.outcomes, 1)]
                elif usage is not None and last.failure is None and not usage.estimated:
                    entries.append(self._answered(record, last, usage))
                else:
                    entries.append(self._entry(record, last, 1))
            except Exception as fault:  # one call's fault must not become the others' loss
                self._records.drop(record.attempts, "a call could not be written down")
                log_fault(record.call, fault, "a call could not be booked")
        if not entries:
            return
        kinds, self._new = self._new, []
        if self._records.append(kinds, entries, renew=self._renew):
            self._renew = False
        else:
            self._forget()
        if len(self._numbers) > MOST_KINDS:
            self._forget()

    def _answered(self, record: CallRecord, outcome: Outcome, usage: Usage) -> str:
        """Return the line of an attempt that answered at once, as nearly every one does."""
        kept = outcome.step.shelf.booked
        facts = record.facts
        if (
            not isinstance(kept, Kept)
            or kept.usual < 0
            or kept.age != self._age
            or facts is None
            or outcome.status != 200
            or kept.cell is not outcome.cell
            or kept.operation is not record.operation
            or kept.tenant != record.tenant
            or kept.caller != record.caller
            or kept.model != facts.model
            or outcome.cached
            or usage.reasoning_tokens
            or usage.input_tokens < 0
        ):
            return self._entry(record, outcome, 1)
        began = outcome.started_at
        cost = "null" if outcome.cost is None else outcome.cost
        return (
            f'[{kept.usual},"{record.call}",1,{int(began * 1e3 + 0.5)},{int((outcome.ended_at - began) * 1e3 + 0.5)},'
            f"{cost},{usage.input_tokens},{usage.output_tokens}]\n"
        )

    def _entry(self, record: CallRecord, outcome: Outcome, attempt: int) -> str:
        usage = outcome.usage
        basis = _UNBILLED if usage is None else _ESTIMATED if usage.estimated else _REPORTED
        kind = self._kind(record, outcome, basis)
        began = outcome.started_at
        at, took = int(began * 1e3 + 0.5), int((outcome.ended_at - began) * 1e3 + 0.5)
        if usage is None:
            nothing = "null" if outcome.step.model.price is None else "0"
            return f'[{kind},"{record.call}",{attempt},{at},{took},{nothing}]\n'
        entry = Entry(
            kind,
            record.call,
            attempt,
            at,
            took,
            outcome.cost,
            max(usage.plain_input_tokens, 0),
            max(usage.output_tokens, 0),
            max(usage.cached_input_tokens, 0),
            max(usage.cache_write_tokens, 0),
            max(usage.cache_write_long_tokens, 0),
            max(usage.reasoning_tokens, 0),
        )
        return msgspec.json.encode(entry).decode() + "\n"

    def _kind(self, record: CallRecord, outcome: Outcome, basis: Basis) -> int:
        """Return the number of what attempts like this share."""
        shelf = outcome.step.shelf
        kept = shelf.booked
        facts = record.facts
        model = "" if facts is None else facts.model
        if not isinstance(kept, Kept) or kept.age != self._age:
            kept = shelf.booked = Kept(self._age, record, model, outcome.cell)
        key = (
            record.tenant, record.caller, record.policy, record.rule, model, record.operation, outcome.cell.mode,
            outcome.failure, outcome.status, basis,
        )  # fmt: skip
        number = kept.numbers.get(key)
        if number is None:
            number = kept.numbers[key] = self._number_of(self._describe(record, outcome, basis))
        if outcome.failure is None and outcome.status == 200 and basis is _REPORTED:
            kept.tenant, kept.caller, kept.operation = record.tenant, record.caller, record.operation
            kept.model, kept.cell, kept.usual = model, outcome.cell, number
        return number

    def _describe(self, record: CallRecord, outcome: Outcome, basis: Basis) -> Kind:
        step: Step = outcome.step
        return Kind(
            kind=0,
            gateway=self._gateway(),
            proxy=self._proxy,
            namespace=record.tenant,
            caller=record.caller,
            policy=record.policy,
            rule=record.rule,
            provider=step.provider.id,
            credential=step.credential.name,
            model=step.model.name,
            upstream_model=step.model.upstream_name,
            virtual_model=record.virtual_model,
            operation=record.operation,
            mode=outcome.cell.mode,
            outcome=outcome_word(outcome.failure),
            status=outcome.status or 0,
            basis=basis,
            price=step.model.price,
        )

    def _number_of(self, kind: Kind) -> int:
        """Return the number of this kind; of one that is not known yet a new one, which the next batch tells."""
        # Thousands may be known, and each is a text of half a kilobyte: a digest says as well which one it is.
        digest = blake2b(msgspec.json.encode(kind), digest_size=16).digest()
        number = self._numbers.get(digest)
        if number is None:
            number = self._numbers[digest] = len(self._numbers)
            self._new.append(msgspec.json.encode(msgspec.structs.replace(kind, kind=number)).decode() + "\n")
        return number

    def _forget(self) -> None:
        self._numbers = {}
        self._new = []
        self._age += 1
        self._renew = True


_REPORTED, _ESTIMATED, _UNBILLED = Basis.REPORTED, Basis.ESTIMATED, Basis.UNBILLED
