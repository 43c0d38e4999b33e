"""The page that tells of a billing run: what was promised, what came of it, and where every token stands."""

from datetime import UTC, datetime

from fairlead_bench.billing.callers import LEAVING
from fairlead_bench.billing.comparing import Pair, Sum
from fairlead_bench.billing.promises import Balance, balances, bases, checks, ratios
from fairlead_bench.billing.running import WORKERS, Ran
from fairlead_bench.install import revision
from fairlead_bench.machine import describe

OPENING = """# Billing

Does the ledger hold what providers charge? Scripted providers of every dialect keep their own invoice, read off the
bytes that they sent by code that imports nothing of Fairlead, and priced by an oracle that reckons in fractions. Then
everything goes wrong: faults, callers who leave, proxies and the ledger's shipper killed. `make billing` writes this
page; `bench/fairlead_bench/billing/` and `tests/doubles/invoice.py` are how.
"""

ESTIMATES = """## Estimates

Where a provider did not tell the usage, or its last word did not come, four bytes of text are taken for one token. Here
a token is a word of three letters and a space, so that what is measured is not how tokenizers differ, but what cannot
be seen: reasoning that is not shown, what a cache takes off the price, and what was sent and no longer heard.
"""


def render(ran: Ran) -> str:
    """Return the page as Markdown."""
    parts = [OPENING, _circumstances(ran), _promises(ran), _balance(ran), _estimates(ran), _ends(ran)]
    if ran.compared.strange:
        parts.append("## Strange\n\n" + "\n".join(f"- `{each}`" for each in ran.compared.strange[:20]) + "\n")
    return "\n".join(parts)


def _circumstances(ran: Ran) -> str:
    form, faults = ran.form, ran.faults
    retold = ", ".join(f"{number} × {name}" for name, number in faults.most_common())
    lines = [
        f"- Date: {datetime.now(UTC):%Y-%m-%d}; Fairlead at {revision()}; "
        f"{form.calls:,} calls in {ran.seconds:.0f} s, seed {form.seed}.",
        f"- Machine: {describe()}; gateway, providers and callers share it.",
        f"- `fairlead run` with {WORKERS} workers before five scripted providers (OpenAI chat, OpenAI responses, "
        "Anthropic, Gemini, Bedrock) and five policies: fallback, repeats on the same provider, streams that another "
        "provider goes on with, providers that are heard out, or not, when a caller leaves.",
        f"- Callers of OpenAI chat, OpenAI responses, Anthropic and Gemini; {LEAVING:.0%} of them leave early, or "
        f"would have: {ran.ends['left'] / max(1, sum(ran.ends.values())):.1%} did. Usage varies: caches read and "
        "written for minutes and for an hour, reasoning, prompts above a price tier, zeros, no usage at all.",
        f"- {sum(faults.values())} faults: {retold}.",
        f"- {len(ran.killed)} proxies and the shipper {ran.shippers_killed} times ended by SIGKILL.",
    ]
    return "\n".join(lines) + "\n"


def _promises(ran: Ran) -> str:
    rows = [[each.what, each.bound, each.measured, "yes" if each.kept else "**no**"] for each in checks(ran)]
    return "## Promises\n\n" + _table(["what", "promised", "measured", "kept"], rows)


def _balance(ran: Ran) -> str:
    """Show by provider what is charged for answers that were told whole, and where it stands."""
    rows = []
    for name, balance in balances(ran).items():
        for what, each in _named(balance):
            rows.append([name, what, f"{each.attempts:,}", *(f"{tokens:,}" for tokens in each.tokens), _usd(each.cost)])
    heads = ["provider", "", "answers", "input", "cached", "written", "for an hour", "output", "reasoning", "USD"]
    told = (
        "Answers whose usage was told to its last byte. Each line of an invoice is in the ledger as reported, or as an "
        "estimate because its last byte was no longer heard, or was lost with a killed proxy and counted as that; the "
        "three add up to the first line in every column.\n\n"
    )
    return "## Balance\n\n" + told + _table(heads, rows)


def _named(balance: Balance) -> list[tuple[str, Sum]]:
    return [
        ("charged", balance.charged),
        ("reported", balance.reported),
        ("estimated, the end unheard", balance.unheard),
        ("lost", balance.lost),
    ]


def _estimates(ran: Ran) -> str:
    estimated = ran.compared.estimated
    groups: list[tuple[str, list[Pair]]] = [
        ("no usage told", [pair for pair in estimated if pair.booked.outcome == "Answered"]),
        ("caller left", [pair for pair in estimated if pair.booked.outcome == "ClientGone"]),
        ("broken off", [pair for pair in estimated if pair.booked.outcome not in ("Answered", "ClientGone")]),
    ]
    rows = [_of_group(name, pairs) for name, pairs in groups if pairs]
    free = [pair for pair in estimated if not pair.charged]
    unbilled = [pair for pair in ran.compared.unbilled if pair.charged]
    streams = sum(pair.line.stream for pair in unbilled)
    more = (
        f"\n{len(free)} estimates, {_usd(sum(pair.booked.cost or 0 for pair in free))} USD, are of attempts that their "
        f"provider charges nothing for: the caller left before any content. {len(unbilled)} attempts, "
        f"{_usd(sum(pair.charged for pair in unbilled))} USD, are charged here and unbilled in the ledger: "
        f"{len(unbilled) - streams} plain answers that were made and then cut, and {streams} streams whose bytes never "
        "arrived. No usage of them was told, and nobody got anything of them.\n"
    )
    heads = ["why", "attempts", "charged, USD", "booked, USD", "least", "median", "most"]
    told = _table(heads, rows)
    return f"{ESTIMATES}\n`least`, `median` and `most` are shares of what is charged.\n\n{told}{more}"


def _of_group(name: str, pairs: list[Pair]) -> list[str]:
    found = ratios(pairs)
    spread = [f"{found[place]:.2f}" for place in (0, len(found) // 2, -1)] if found else ["–"] * 3
    charged, booked = sum(pair.charged for pair in pairs), sum(pair.booked.cost or 0 for pair in pairs)
    return [name, f"{len(pairs):,}", _usd(charged), _usd(booked), *spread]


def _ends(ran: Ran) -> str:
    ends = "; ".join(f"{end} {number:,}" for end, number in ran.ends.most_common())
    booked = "; ".join(f"{basis} {number:,}" for basis, number in bases(ran).most_common())
    lost = "; ".join(f"{reason} {number:,}" for reason, number in ran.losses.items()) or "none"
    lines = [
        f"- How calls ended for their callers: {ends}. `cut` is what a killed proxy leaves of a call.",
        f"- What was booked: {booked} attempts. Lost, by the ledger: {lost}.",
    ]
    return "## Ends\n\n" + "\n".join(lines) + "\n"


def _usd(nano: int) -> str:
    return f"{nano // 10**9}.{nano % 10**9:09}"


def _table(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
