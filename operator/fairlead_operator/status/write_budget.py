"""Which statuses to write now: namespace by namespace in turn, edited objects first, figures seldom, nothing twice."""

import heapq
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from fairlead_operator.happening import Happening
from fairlead_operator.resources.found import Found
from fairlead_operator.resources.meta import ObjectRef
from fairlead_operator.status.conditions import Status, conditions_of
from fairlead_operator.status.happenings import happenings

WRITES_PER_SECOND = 20
WRITES_PER_NAMESPACE = 15
"""What one namespace may take of them: whoever floods leaves room in every second for those who do not."""
FIGURES_EVERY_SECONDS = 30.0
PROGRESS_EVERY_SECONDS = 1.0
OUTDATED_FOR_SECONDS = 30.0
FAILED_FOR_SECONDS = (1.0, 2.0, 5.0, 10.0, 30.0)
_QUIET_MESSAGES = frozenset({"Healthy", "Available"})


class Change(IntEnum):
    """How a status differs from the one before; the first goes first."""

    EDIT = 0
    TRANSITION = 1
    PROGRESS = 2
    FIGURES = 3
    NONE = 4


PAUSES = {
    Change.EDIT: 0.0,
    Change.TRANSITION: 0.0,
    Change.PROGRESS: PROGRESS_EVERY_SECONDS,
    Change.FIGURES: FIGURES_EVERY_SECONDS,
}
"""How long after an object's last write such a change may be written."""


@dataclass(frozen=True, slots=True)
class StatusWrite:
    """A status to write, on the object as it was read. `happenings`: what it says that the one before did not."""

    ref: ObjectRef
    resource_version: str
    status: Mapping[str, Any]
    uid: str
    happenings: tuple[Happening, ...] = ()


@dataclass(slots=True)
class _Entry:
    """What we know of one object: what we wrote, on which resourceVersion, and since when a change waits.

    `held_on`: the resourceVersion on which nothing is written until `held_until`.
    """

    uid: str
    written_on: str | None = None
    written: Status | None = None
    written_at: float = float("-inf")
    held_on: str | None = None
    held_until: float = float("-inf")
    failures: int = 0
    waiting_since: float | None = None
    compared: tuple[Status, Status, Change] | None = None

    def status_of(self, found: Found[Any]) -> Status:
        """Return the status that the object has: what we wrote, as long as its own event has not come back."""
        if self.written is None or self.written_on != found.resource_version or self.uid != found.uid:
            return found.status
        return self.written

    def change(self, before: Status, after: Status) -> Change:
        """Return what `change_between` says of these two; thousands that wait for room are asked in every pass."""
        known = self.compared
        if known is None or known[0] is not before or known[1] is not after:
            known = self.compared = before, after, change_between(before, after)
        return known[2]


@dataclass(frozen=True, slots=True)
class _Ready:
    """A status that may be written now; the lowest rank of a namespace goes first."""

    change: Change
    since: float
    found: Found[Any]
    before: Status
    status: Mapping[str, Any]

    @property
    def rank(self) -> tuple[Change, float, ObjectRef]:
        return self.change, self.since, self.found.ref

    def write(self) -> StatusWrite:
        news = happenings(self.before, self.status)
        return StatusWrite(self.found.ref, self.found.resource_version, self.status, self.found.uid, news)


class StatusLedger:
    """Remembers what was written, kept from pass to pass. At most 20 writes go out in any second, 15 to a namespace."""

    def __init__(self) -> None:
        self._entries: dict[ObjectRef, _Entry] = {}
        self._recent: deque[tuple[float, str]] = deque(maxlen=WRITES_PER_SECOND)
        self._next_due: float | None = None

    def status_now(self, found: Found[Any]) -> Status:
        """Return the status that the object has; see _Entry."""
        entry = self._entries.get(found.ref)
        return found.status if entry is None else entry.status_of(found)

    def choose(self, wanted: Iterable[tuple[Found[Any], Mapping[str, Any]]], now: float) -> list[StatusWrite]:
        """Return what to write now, in this order; what is left waits. Tell `done`, `outdated` or `failed` of each."""
        self._next_due = None
        ready: dict[str, list[_Ready]] = {}
        for found, status in wanted:
            entry = self._entry(found)
            before = entry.status_of(found)
            change = entry.change(before, status)
            if change is Change.NONE:
                entry.waiting_since = entry.compared = None
                continue
            if entry.waiting_since is None:
                entry.waiting_since = now
            due = max(entry.written_at + PAUSES[change], self._held_until(entry, found))
            if due <= now:
                one = _Ready(change, entry.waiting_since, found, before, status)
                ready.setdefault(found.ref.namespace, []).append(one)
            else:
                self._postpone(due)
        chosen = self._by_turns(ready, now)
        if len(chosen) < sum(len(ones) for ones in ready.values()):
            self._postpone(self._recent[0][0] + 1.0 if self._recent else now)
        return [one.write() for one in chosen]

    def _by_turns(self, ready: Mapping[str, list[_Ready]], now: float) -> list[_Ready]:
        """Return what there is room for: the first of each namespace, then the second of each, and so on."""
        while self._recent and now - self._recent[0][0] >= 1.0:
            self._recent.popleft()
        taken = Counter(namespace for _, namespace in self._recent)
        turns: list[tuple[int, tuple[Change, float, ObjectRef], _Ready]] = []
        for namespace, ones in ready.items():
            room = WRITES_PER_NAMESPACE - taken[namespace]
            first = heapq.nsmallest(room, ones, key=lambda one: one.rank)
            # What a namespace has had in this second counts: whoever has had nothing goes first.
            turns += [(taken[namespace] + turn, one.rank, one) for turn, one in enumerate(first)]
        turns.sort(key=lambda turn: turn[:2])
        return [one for _, _, one in turns[: WRITES_PER_SECOND - len(self._recent)]]

    def done(self, write: StatusWrite, now: float) -> None:
        """Note that the status stands there now."""
        entry = self._entries[write.ref]
        entry.written_on, entry.written, entry.written_at = write.resource_version, write.status, now
        entry.waiting_since = entry.compared = None
        entry.failures = 0
        self._recent.append((now, write.ref.namespace))

    def outdated(self, write: StatusWrite, now: float) -> None:
        """Note that the object had changed or gone: nothing is written until its event comes."""
        entry = self._entries[write.ref]
        entry.held_on, entry.held_until = write.resource_version, now + OUTDATED_FOR_SECONDS
        self._recent.append((now, write.ref.namespace))

    def failed(self, write: StatusWrite, now: float) -> None:
        """Note that it could not be written: tried again later, ever later, or when the object changes."""
        entry = self._entries[write.ref]
        pause = FAILED_FOR_SECONDS[min(entry.failures, len(FAILED_FOR_SECONDS) - 1)]
        entry.held_on, entry.held_until = write.resource_version, now + pause
        entry.failures += 1
        self._recent.append((now, write.ref.namespace))

    def next_due(self) -> float | None:
        """Return when something that waits may be written, in Unix seconds, as `choose` last saw it; None: nothing."""
        return self._next_due

    def forget_others(self, alive: Iterable[ObjectRef]) -> None:
        """Forget every object that does not exist any more."""
        keep = set(alive)
        for ref in [ref for ref in self._entries if ref not in keep]:
            del self._entries[ref]

    def _entry(self, found: Found[Any]) -> _Entry:
        entry = self._entries.get(found.ref)
        if entry is None or entry.uid != found.uid:
            entry = self._entries[found.ref] = _Entry(found.uid)
        return entry

    def _held_until(self, entry: _Entry, found: Found[Any]) -> float:
        return entry.held_until if entry.held_on == found.resource_version else float("-inf")

    def _postpone(self, due: float) -> None:
        self._next_due = due if self._next_due is None else min(self._next_due, due)


def change_between(before: Status, after: Status) -> Change:
    """Say how much the second status differs from the first."""
    if {**before, "conditions": conditions_of(before)} == {**after, "conditions": conditions_of(after)}:
        return Change.NONE
    if before.get("observedGeneration") != after.get("observedGeneration"):
        return Change.EDIT
    if _transitions(before) != _transitions(after):
        return Change.TRANSITION
    return Change.PROGRESS if _progress(before) != _progress(after) else Change.FIGURES


def _transitions(status: Status) -> tuple[Any, ...]:
    """Return what must be seen at once: truths and reasons, states, and the messages that only a change moves."""
    health = status.get("health", {})
    conditions = [
        (kind, condition.get("status"), condition.get("reason"), condition.get("observedGeneration"))
        for kind, condition in conditions_of(status).items()
    ]
    parts = [(part["name"], part["state"]) for kind in ("credentials", "models") for part in health.get(kind, ())]
    rules = [(rule["name"], rule["state"], rule.get("active")) for rule in status.get("rules", ())]
    return conditions, health.get("state"), parts, rules


def _progress(status: Status) -> tuple[Any, ...]:
    """Return what may be a second late: counts and revision of a fleet, and texts that name objects or proxies."""
    texts = [
        (kind, condition.get("message"))
        for kind, condition in conditions_of(status).items()
        if kind not in _QUIET_MESSAGES
    ]
    return texts, [status.get(name) for name in ("address", "revision", "proxies", "policies")]
