"""What a billing run promises, and whether it was kept: sums that must be equal, and bounds on what cannot be. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from doubles.cost_oracle import nano_cost
from doubles.invoice import WHOLE, Line
from doubles.vendor_counts import COUNTS

from fairlead_bench.billing.comparing import Pair, Sum, sums
from fairlead_bench.billing.prices import PRICES
from fairlead_bench.billing.running import Ran
from fairlead_bench.soak.page import Check

FLUSH_SECONDS = 1.0
"""How long a record may be under way to the disk: what is killed loses no more."""
SLACK_SECONDS = 0.25
ESTIMATES_FROM = 300
"""Of fewer estimates the sum has no bound as narrow as that of many."""
MANY_WITHIN, FEW_WITHIN = 0.15, 0.5
LEAST, MOST = 1 / 8, 4.0
"""What an estimate of an answer that was heard out may be of what its vendor charges: reasoning that is not shown is
missing, and so is what a cache took off; a short answer's own form counts as if it were text."""


@dataclass(frozen=True, slots=True)
class Balance:
    """What one provider charges for whole answers, and where each of them stands in the ledger."""

    charged: Sum
    reported: Sum
    unheard: Sum
    lost: Sum

    @property
    def even(self) -> bool:
        return self.charged == self.reported.plus(self.unheard).plus(self.lost)


def balances(ran: Ran) -> dict[str, Balance]:
    """Return for each provider what is charged and told whole, beside all that became of it."""
    charged, reported, unheard, lost = (defaultdict[str, Sum](Sum) for _ in range(4))
    costs = {(provider, line.number): cost for provider, line, cost in _charged(ran)}
    for provider, lines in ran.lines.items():
        for line in lines:
            if line.charge == WHOLE and line.tag:
                charged[provider].add(line.tokens, costs[provider, line.number])
    for record in ran.records:
        if record.basis == "reported":
            reported[record.provider].add(record.tokens, record.cost)
    for pair in ran.compared.unheard:
        unheard[pair.booked.provider].add(pair.line.tokens, pair.charged)
    for provider, line, cost in ran.compared.lost:
        if line.charge == WHOLE:
            lost[provider].add(line.tokens, cost)
    return {name: Balance(charged[name], reported[name], unheard[name], lost[name]) for name in PRICES}


def checks(ran: Ran) -> list[Check]:
    """Return what was promised, and what came of it."""
    compared = ran.compared
    uneven = [name for name, each in balances(ran).items() if not each.even]
    by_line, by_record = sums(compared.exact, of_lines=True), sums(compared.exact, of_lines=False)
    began = sum(each.began for each in ran.killed) + ran.began_by_living
    lost, counted = sum(ran.losses.values()), sum(each.lost for each in ran.killed)
    late = sum(not _is_of_the_last_second(ran, tag) for tag in {line.tag for _, line, _ in compared.lost})
    cost = sum(record.cost or 0 for record in ran.records)
    unpriced = sum(record.cost is None for record in ran.records)
    return [
        Check("calls that were made", f"{ran.form.calls:,}", f"{sum(ran.ends.values()):,}", _all_made(ran)),
        Check(
            "reported records that are not their invoice's line, to the token and the nano-unit",
            "0",
            f"{len(compared.strange)} of {len(compared.exact) + len(compared.strange):,}",
            not compared.strange and bool(compared.exact),
        ),
        Check("providers × models whose sums differ", "0", _differing(by_line, by_record), by_line == by_record),
        Check("providers whose balance is not even", "0", str(len(uneven)), not uneven),
        Check("calls whose attempts are not booked once each", "0", str(_uneven_calls(ran)), not _uneven_calls(ran)),
        Check(
            "the ledger's own sums", f"{len(ran.records):,}, {cost:,}, {unpriced}", _told(ran.rollups), _adds_up(ran)
        ),
        Check(
            "attempts that began: booked, or counted as lost",
            f"{began:,}",
            f"{len(ran.records):,} + {lost}",
            began == len(ran.records) + lost,
        ),
        Check("lost, by the killed proxies' own counters", str(counted), str(lost), counted == lost),
        Check(
            "charged and not in the ledger",
            f"≤ {lost}, as it says",
            str(len(compared.lost)),
            len(compared.lost) <= lost,
        ),
        Check(f"of these, calls that were over {FLUSH_SECONDS:g} s before a kill", "0", str(late), not late),
        Check("left behind in the spool", "0", str(ran.left_in_spool), not ran.left_in_spool),
        *_of_estimates(compared.estimated),
    ]


def ratios(pairs: Iterable[Pair]) -> list[float]:
    """Return what estimates are of what is charged, the least first."""
    return sorted((pair.booked.cost or 0) / pair.charged for pair in pairs if pair.charged)


def heard_out(pairs: Iterable[Pair]) -> list[Pair]:
    """Return those whose caller did not leave: all that was sent was heard, or has broken off."""
    return [pair for pair in pairs if pair.booked.outcome == "Answered"]


def _of_estimates(pairs: list[Pair]) -> list[Check]:
    within = MANY_WITHIN if len(pairs) >= ESTIMATES_FROM else FEW_WITHIN
    booked, charged = sum(pair.booked.cost or 0 for pair in pairs), sum(pair.charged for pair in pairs)
    off = (booked - charged) / charged if charged else 0.0
    found = ratios(heard_out(pairs)) or [1.0]
    none = sum(not pair.booked.cost and not _is_told_zero(pair) for pair in pairs)
    return [
        Check("estimates that cost nothing", "0", f"{none} of {len(pairs):,}", not none and bool(pairs)),
        Check(
            "sum of the estimates, beside what is charged", f"within {within:.0%}", f"{off:+.1%}", abs(off) <= within
        ),
        Check(
            "each estimate of an answer that came to its end, as a share of what is charged",
            f"{LEAST:g} to {MOST:g}",
            f"{found[0]:.2f} to {found[-1]:.2f}",
            found[0] >= LEAST and found[-1] <= MOST,
        ),
    ]


def _is_told_zero(pair: Pair) -> bool:
    """The provider has told of 0 tokens so far, which is no less than it has charged by then."""
    told = pair.line.told
    return told is not None and not COUNTS[pair.line.dialect](told).input


def _charged(ran: Ran) -> Iterable[tuple[str, Line, int]]:
    for provider, lines in ran.lines.items():
        for line in lines:
            yield provider, line, nano_cost(line.tokens, PRICES[provider]) or 0


def _is_of_the_last_second(ran: Ran, tag: str) -> bool:
    """Say whether a call was under way when a proxy was killed, or had ended no longer before than a record takes."""
    lines = [line for each in ran.lines.values() for line in each if line.tag == tag]
    began, ended = min(line.at for line in lines), max(line.ended_at for line in lines)
    return any(began <= each.at and ended >= each.at - FLUSH_SECONDS - SLACK_SECONDS for each in ran.killed)


def _all_made(ran: Ran) -> bool:
    return sum(ran.ends.values()) == ran.form.calls and not ran.ends["no end"]


def _uneven_calls(ran: Ran) -> int:
    """Count the calls that have an attempt twice, or lack one between two others."""
    attempts = defaultdict[str, list[int]](list)
    for record in ran.records:
        attempts[record.call].append(record.attempt)
    return sum(sorted(numbers) != list(range(1, len(numbers) + 1)) for numbers in attempts.values())


def _differing(one: dict[tuple[str, str], Sum], other: dict[tuple[str, str], Sum]) -> str:
    keys = one.keys() | other.keys()
    return f"{sum(one.get(key) != other.get(key) for key in keys)} of {len(keys)}"


def _adds_up(ran: Ran) -> bool:
    cost = sum(record.cost or 0 for record in ran.records)
    return ran.rollups == (len(ran.records), cost, sum(record.cost is None for record in ran.records))


def _told(rollups: tuple[int, int, int]) -> str:
    return f"{rollups[0]:,}, {rollups[1]:,}, {rollups[2]}"


def bases(ran: Ran) -> Counter[str]:
    return Counter(record.basis for record in ran.records)
