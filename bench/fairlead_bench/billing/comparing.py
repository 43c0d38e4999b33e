"""Holds the ledger's records against the lines of the invoices: which is of which, and what they differ in. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from doubles.cost_oracle import nano_cost
from doubles.invoice import NOTHING, WHOLE, Line
from doubles.vendor_counts import Tokens


@dataclass(frozen=True, slots=True)
class Booked:
    """A record of the ledger, as far as it is compared. `provider` without its namespace; `at` in Unix seconds."""

    call: str
    attempt: int
    at: float
    provider: str
    upstream_model: str
    basis: str
    outcome: str
    tokens: Tokens
    cost: int | None


@dataclass(slots=True)
class Sum:
    """Attempts, their tokens, and what they cost in nano-units."""

    attempts: int = 0
    tokens: list[int] = field(default_factory=lambda: [0] * 6)
    cost: int = 0

    def add(self, tokens: Tokens, cost: int | None) -> None:
        self.attempts += 1
        told = (tokens.plain, tokens.cached, tokens.written, tokens.written_long, tokens.output, tokens.reasoning)
        self.tokens = [before + more for before, more in zip(self.tokens, told, strict=True)]
        self.cost += cost or 0

    def plus(self, other: "Sum") -> "Sum":
        tokens = [mine + its for mine, its in zip(self.tokens, other.tokens, strict=True)]
        return Sum(self.attempts + other.attempts, tokens, self.cost + other.cost)


@dataclass(frozen=True, slots=True)
class Pair:
    """A record and the line that it is of; `charged`: what the line costs by the oracle."""

    booked: Booked
    line: Line
    charged: int


@dataclass(slots=True)
class Compared:
    """What came of it. `strange`: reported records that no invoice knows, or of another cost: there must be none.

    `lost`: lines that are charged and that no record is of. `unheard`: pairs whose line was told whole, though the
    record is an estimate; `unbilled`: pairs that are charged, though nothing was booked for them.
    """

    exact: list[Pair] = field(default_factory=list)
    estimated: list[Pair] = field(default_factory=list)
    unbilled: list[Pair] = field(default_factory=list)
    lost: list[tuple[str, Line, int]] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)
    untaken: int = 0
    """Records of attempts that reached no provider."""

    @property
    def unheard(self) -> list[Pair]:
        return [pair for pair in (*self.estimated, *self.unbilled) if pair.line.charge == WHOLE]


def compare(
    records: Sequence[Booked],
    invoices: Mapping[str, Sequence[Line]],
    tags: Mapping[str, str],
    prices: Mapping[str, Mapping[str, Any]],
) -> Compared:
    """Find each record its line. `tags`: the tag of a call, by its decision, as callers and the access log know it."""
    compared = Compared()
    open_lines = {provider: _by_tag(lines) for provider, lines in invoices.items()}
    # What is reported goes first: the line of the same tokens is its own. What was unbilled takes what is left.
    ordered = sorted(
        records, key=lambda one: (_ORDER.index(one.basis), one.call not in tags, one.at, one.call, one.attempt)
    )
    for record in ordered:
        lines = open_lines[record.provider]
        tag = tags.get(record.call)
        if record.basis == "reported":
            line = _take(lines, [tag] if tag else list(lines), record.tokens)
            if line is None:
                compared.strange.append(f"no line of {record.provider} is that of {record}")
                continue
            charged = nano_cost(line.tokens, prices[record.provider])
            if charged is None or charged != record.cost:
                compared.strange.append(f"{record} costs {charged}")
                continue
            compared.exact.append(Pair(record, line, charged))
            continue
        line = _take_any(lines, tag, charged=record.basis == "estimated")
        if line is None:
            compared.untaken += 1
            continue
        pair = Pair(record, line, nano_cost(line.tokens, prices[record.provider]) or 0)
        (compared.estimated if record.basis == "estimated" else compared.unbilled).append(pair)
    for provider, lines in open_lines.items():
        for line in (each for those in lines.values() for each in those):
            if line.charge != NOTHING:
                compared.lost.append((provider, line, nano_cost(line.tokens, prices[provider]) or 0))
    return compared


def sums(pairs: Iterable[Pair], *, of_lines: bool) -> dict[tuple[str, str], Sum]:
    """Return what was booked, or what was charged, by provider and its vendor's name for the model."""
    found: dict[tuple[str, str], Sum] = defaultdict(Sum)
    for pair in pairs:
        told = (pair.line.tokens, pair.charged) if of_lines else (pair.booked.tokens, pair.booked.cost)
        model = pair.line.model if of_lines else pair.booked.upstream_model
        found[pair.booked.provider, model].add(*told)
    return dict(found)


def _by_tag(lines: Sequence[Line]) -> dict[str, list[Line]]:
    found: dict[str, list[Line]] = defaultdict(list)
    for line in sorted(lines, key=lambda each: each.at):
        if line.tag:
            found[line.tag].append(line)
    return found


def _take(lines: dict[str, list[Line]], tags: Iterable[str], tokens: Tokens) -> Line | None:
    """Take a line of these tokens, told whole, off those that are open."""
    for tag in tags:
        for line in lines.get(tag, ()):
            if line.tokens == tokens and line.charge == WHOLE:
                lines[tag].remove(line)
                return line
    return None


def _take_any(lines: dict[str, list[Line]], tag: str | None, *, charged: bool) -> Line | None:
    """Take the first open line of a call, one that is `charged` or is not if there is such a one.

    Where the call is not known, none is its own.
    """
    found = lines.get(tag or "", [])
    if not found:
        return None
    line = next((each for each in found if (each.charge != NOTHING) is charged), found[0])
    found.remove(line)
    return line


_ORDER = ("reported", "estimated", "unbilled")
