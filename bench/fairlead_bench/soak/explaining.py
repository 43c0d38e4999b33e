"""Judges the end of each call: answered whole, or failed in a way that the faults so far explain.

All of it is pure, but for what it tells at once whoever waits.
"""

import re
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

from fairlead_bench.soak.faults import History
from fairlead_bench.soak.objects import MAX_COOLDOWN_SECONDS, PER_TRY_SECONDS, Route

COOLING_SECONDS = 1.2 * MAX_COOLDOWN_SECONDS + 2 * PER_TRY_SECONDS
"""How long after a fault its provider may still cool: jitter counts, and the last attempts end late."""

MAX_WHY, MAX_KINDS = 100, 50

MOVED_ON = "its provider has stopped answering"
"""What is said of an attempt that a breaker has ended because others failed by waiting.

They may have waited since a fault that is over: a stream that stalled then is given up a whole try later.
"""

UNMARKED = frozenset({"gemini"})
"""Callers who are not told where another target goes on: their SDK takes the mark, a comment, for an error."""

_WORD = re.compile(r"(\w+)-(\d+|end)")


class End(StrEnum):
    ANSWERED = "answered by the first target"
    FELL_BACK = "answered by a further target"
    WAVED = "answered by a further target: one that was well got a wave of another's calls at once"
    CONTINUED = "stream gone on with by another target"
    FAILED = "error in the caller's dialect, every attempt explained"
    NO_TARGET = "error in the caller's dialect, every target cooling after a fault"
    UNASKED = "error in the caller's dialect, every target under a fault; its record was not asked for, or kept no more"
    BROKEN_OFF = "stream ended by an error in the caller's dialect, explained"
    LEFT = "caller left early"
    UNEXPLAINED = "unexplained"


class Attempt(msgspec.Struct):
    target: str
    outcome: str
    started_at: float
    duration_seconds: float
    detail: str = ""

    @property
    def provider(self) -> str:
        return self.target.split("/")[1]


class Considered(msgspec.Struct):
    target: str
    skipped: str = ""


class Record(msgspec.Struct):
    """What of a decision record is looked at."""

    at: float
    targets: list[Considered]
    attempts: list[Attempt]
    passed_by: list[str]


class Call(msgspec.Struct):
    """One call as its caller saw it end. `broken`: what was wrong with HTTP or with the dialect's own form.

    `began` and `over` are Unix seconds. `provider` and `attempts` are what the answer's head said; `record` was looked
    up where it is needed, but for calls that failed while too many others did, and for answers that were read so slowly
    that it was not kept any more (`unasked`).
    """

    dialect: str
    model: str
    stream: bool
    status: int = 0
    text: str = ""
    ended: bool = False
    error: str = ""
    marks: int = 0
    left: bool = False
    broken: str = ""
    decision: str = ""
    provider: str = ""
    attempts: int = 0
    began: float = 0.0
    over: float = 0.0
    unasked: bool = False
    record: Record | None = None


@dataclass(slots=True)
class Part:
    """What one provider said of an answer. `whole`: up to its last word."""

    provider: str
    words: int
    whole: bool


class Odd(Exception):
    """Why a call's end is unexplained."""


@dataclass(slots=True)
class Judged:
    """Counts the ends of calls. `odd` counts why some are unexplained, with one call of each kind in `examples`, and
    what was wrong with its providers before it; whoever waits is told of each new kind.
    """

    ends: Counter[End] = field(default_factory=Counter)
    odd: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def add(self, call: Call, end: End, why: str, history: History) -> None:
        self.ends[end] += 1
        if end is End.UNEXPLAINED:
            kind = why[:MAX_WHY] if len(self.odd) < MAX_KINDS else "others"
            self.odd[kind] += 1
            if kind not in self.examples:
                self.examples[kind] = f"{msgspec.json.encode(call).decode()} {_faults_before(call, history)}"
                print(f"soak: unexplained: {kind}: {self.examples[kind]}", file=sys.stderr, flush=True)


def judge(call: Call, history: History, routes: Mapping[str, Route]) -> tuple[End, str]:
    """Return how a call ended, and, of an unexplained one, why it is."""
    if call.left:
        return End.LEFT, ""
    try:
        if call.broken:
            raise Odd(call.broken)
        parts = parts_of(call.text)
        if call.status == 200 and not call.error:
            return _judge_answer(call, parts, history, routes[call.model]), ""
        return _judge_error(call, parts, history, routes[call.model]), ""
    except Odd as odd:
        return End.UNEXPLAINED, str(odd)


def _faults_before(call: Call, history: History) -> str:
    """Return what was wrong with this call's providers of late, in seconds from when it began."""
    record = call.record
    if record is None:
        return ""
    tried = {attempt.provider for attempt in record.attempts}
    return "; ".join(
        f"{each.provider} {each.fault} {each.began - record.at:+.3f} to {each.ended - record.at:+.3f} s"
        for each in history.injections
        if each.provider in tried and record.at - each.ended < COOLING_SECONDS
    )


def parts_of(text: str) -> list[Part]:
    """Return what each provider in turn has said; raise Odd where a word is missing, or strange."""
    parts: list[Part] = []
    for word in text.split():
        found = _WORD.fullmatch(word)
        if found is None:
            raise Odd(f"wrong text: {word!r}")
        last = parts[-1] if parts else None
        if found[2] == "1":
            parts.append(Part(found[1], 1, whole=False))
        elif last is None or last.whole or last.provider != found[1]:
            raise Odd(f"wrong text: {word!r} begins an answer")
        elif found[2] == "end":
            last.whole = True
        elif int(found[2]) == last.words + 1:
            last.words += 1
        else:
            raise Odd(f"wrong text: {word!r} after {last.words} words")
    return parts


def _judge_answer(call: Call, parts: list[Part], history: History, route: Route) -> End:
    if not call.ended or not parts or not parts[-1].whole:
        raise Odd("truncated success")
    _check_parts(call, parts, route)
    went_on = len(parts) > 1
    if call.attempts <= 1 and not went_on:
        return End.ANSWERED
    waved = call.record is not None and _explain_attempts(call.record, history)
    if went_on:
        return End.CONTINUED
    return End.WAVED if waved else End.FELL_BACK


def _judge_error(call: Call, parts: list[Part], history: History, route: Route) -> End:
    if not call.error:
        raise Odd(f"status {call.status}, and no error of the caller's dialect")
    if call.status == 200 and not call.stream:
        raise Odd("an error in a plain answer of status 200")
    if call.ended:
        raise Odd("an error, and the stream's proper end too")
    _check_parts(call, parts, route)
    if call.unasked:
        _explain_unasked(call, history, route)
        return End.UNASKED
    record = call.record
    if record is None:
        raise Odd(f"an error without a decision record: {call.error}")
    _explain_attempts(record, history)
    if call.status != 200 or route.continues:
        _explain_the_rest(record, history)
    if call.status == 200:
        return End.BROKEN_OFF
    if not record.attempts:
        if call.status != 503:
            raise Odd(f"status {call.status} without an attempt")
        return End.NO_TARGET
    if call.status not in (429, 502, 504):
        raise Odd(f"status {call.status} of attempts that are all a provider's fault")
    return End.FAILED


def _check_parts(call: Call, parts: list[Part], route: Route) -> None:
    if any(part.provider not in route.providers for part in parts):
        raise Odd("wrong text: of a provider that is no target")
    if len(parts) > 1 and not route.continues:
        raise Odd("gone on with, though the policy does not say so")
    if parts and len(parts) != call.marks + 1 and call.dialect not in UNMARKED:
        raise Odd(f"{len(parts)} providers spoke, {call.marks} marks")
    if parts and call.provider != f"default/{parts[0].provider}":
        raise Odd(f"the head names {call.provider}")


def _explain_unasked(call: Call, history: History, route: Route) -> None:
    """Without its record, a call may have failed where something was wrong with whoever could have answered it."""
    if call.status not in (200, 429, 502, 503, 504):
        raise Odd(f"status {call.status}, which no provider's fault leads to")
    final = call.status == 200 and not route.continues
    for provider in [call.provider.removeprefix("default/")] if final else route.providers:
        if not _was_ailing(provider, call.began - COOLING_SECONDS, call.over, history):
            raise Odd(f"{provider} was well, and the call failed")


def _was_ailing(provider: str, began: float, ended: float, history: History) -> bool:
    if history.met(provider, began, ended):
        return True
    return history.wave(provider, began, ended, patience_seconds=PER_TRY_SECONDS)


def _explain_attempts(record: Record, history: History) -> bool:
    """Raise Odd unless each failure is explained; return whether a wave explains one, and nothing else does."""
    waved = False
    for attempt in record.attempts:
        ended = attempt.started_at + attempt.duration_seconds
        began = attempt.started_at - (PER_TRY_SECONDS if attempt.detail == MOVED_ON else 0)
        if attempt.outcome == "Answered" or history.explains(attempt.provider, attempt.outcome, began, ended):
            continue
        if attempt.detail != MOVED_ON or not history.wave(
            attempt.provider, began, ended, patience_seconds=PER_TRY_SECONDS
        ):
            raise Odd(f"no fault explains {attempt.target} {attempt.outcome}")
        waved = True
    return waved


def _explain_the_rest(record: Record, history: History) -> None:
    """Of the targets that were not tried, each must have been cooling, after a fault."""
    tried = {attempt.target for attempt in record.attempts}
    for each in record.targets:
        if each.target in tried:
            continue
        if not each.skipped.startswith("Cooling") and each.target not in record.passed_by:
            raise Odd(f"{each.target} was neither tried nor cooling")
        ended = max((one.started_at + one.duration_seconds for one in record.attempts), default=record.at)
        if not _was_ailing(each.target.split("/")[1], ended - COOLING_SECONDS, ended, history):
            raise Odd(f"{each.target} was cooling without a fault")
