"""What a soak promises, whether it was kept, and the page that tells of it."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from fairlead_bench.install import revision
from fairlead_bench.machine import describe
from fairlead_bench.soak.callers import LEAVING, MOST_AT_ONCE, SHARE, SLOW
from fairlead_bench.soak.explaining import End
from fairlead_bench.soak.faults import FAULTS, WORST, WORST_SECONDS
from fairlead_bench.soak.looks import Look, slope_of
from fairlead_bench.soak.running import EDIT_SECONDS, LOOK_SECONDS, WARM_UP, Soaked, is_at_rest

MOST_MIB = 1.0
LEAST_FELT = 0.5

OPENING = """# Soak

Fairlead under load and random faults for a long time: does it keep what it should let go, and is every failure that a
caller sees explained? `make soak` writes this page; `bench/fairlead_bench/soak/` is how.
"""


@dataclass(frozen=True, slots=True)
class Check:
    what: str
    bound: str
    measured: str
    kept: bool


def checks(soaked: Soaked) -> list[Check]:
    """Return what was promised, and what came of it."""
    ends, injections, before, after = soaked.judged.ends, soaked.history.injections, soaked.before, soaked.after
    felt = sum(each.felt > 0 for each in injections)
    slope = growth(soaked)
    bounded = soaked.form.bounds_growth
    answered = sum(ends[each] for each in (End.ANSWERED, End.FELL_BACK, End.WAVED, End.CONTINUED))
    rested = before is not None and after is not None and is_at_rest(after, before)
    return [
        Check("calls whose end is unexplained", "0", str(ends[End.UNEXPLAINED]), not ends[End.UNEXPLAINED]),
        Check(
            "calls that were judged", str(soaked.calls.total()), str(ends.total()), ends.total() == soaked.calls.total()
        ),
        Check("calls that were answered", "> 0", f"{answered:,}", answered > 0),
        Check(
            "RSS after warm-up, MiB in 10 min",
            f"< {MOST_MIB:g}" if bounded else "none: too short",
            f"{slope:+.2f}",
            not bounded or slope < MOST_MIB,
        ),
        Check("descriptors, tasks, threads at rest", _held(before), _held(after), rested),
        Check("objects that the collector cannot free", "0", _uncollectable(after), _uncollectable(after) == "0"),
        Check(
            "faults that an attempt has felt",
            f"≥ {LEAST_FELT:.0%}",
            f"{felt} of {len(injections)}",
            bool(felt) and felt >= LEAST_FELT * len(injections),
        ),
        Check(
            "edits in force before the next",
            str(soaked.edits_made),
            str(soaked.edits_in_force),
            soaked.edits_in_force == soaked.edits_made > 0,
        ),
        Check("scrapes without figures", "0", str(soaked.silent), not soaked.silent),
        Check("errors in the gateway's own log", "0", str(soaked.faults_in_log), not soaked.faults_in_log),
    ]


def growth(soaked: Soaked) -> float:
    """Return the slope of the proxy's memory after warm-up, in MiB per ten minutes."""
    looks = soaked.looks
    return slope_of([each for each in looks if each.at >= looks[0].at + soaked.form.warm_up])


def render(soaked: Soaked) -> str:
    """Return the page as Markdown."""
    parts = [OPENING, _circumstances(soaked), _goals(soaked), _ends(soaked), _faults(soaked), _looks(soaked)]
    judged = soaked.judged
    if judged.odd:
        lines = [f"- {number} × {why}\n\n  `{judged.examples[why]}`\n" for why, number in judged.odd.most_common()]
        parts.append("## Unexplained\n\n" + "\n".join(lines))
    return "\n".join(parts)


def _circumstances(soaked: Soaked) -> str:
    form, capacity = soaked.form, soaked.capacity
    lines = [
        f"- Date: {datetime.now(UTC):%Y-%m-%d}; Fairlead at {revision()}; "
        f"{form.seconds / 60:g} minutes, seed {form.seed}.",
        f"- Machine: {describe()}; gateway, providers and callers share it.",
        "- `fairlead run` with one worker, not compiled, before five scripted providers (OpenAI chat, OpenAI "
        "responses, Anthropic, Gemini, Bedrock) and five policies of two or three targets, three of them with "
        "`midStream: Continue`.",
        f"- Capacity: {capacity['calls_a_second']:,.0f} calls a second with {capacity['callers']} callers at once, "
        "before any fault; it is that of the whole machine, of which the proxy used "
        f"{soaked.busy_at_capacity:.0%} of a core. Afterwards {capacity['rate']:,.0f} calls a second began, "
        f"{SHARE:.0%} of that, however long the answers took.",
        "- Callers of OpenAI chat, OpenAI responses, Anthropic and Gemini; half of the calls stream; "
        f"{LEAVING:.0%} of the callers leave early, {SLOW:.0%} read slowly. Every word of an answer says who spoke it "
        "and how far it has come.",
        f"- A look every {LOOK_SECONDS:g} s, an edit of the configuration every {EDIT_SECONDS:g} s.",
        *_worst(soaked),
    ]
    return "\n".join(lines) + "\n"


def _worst(soaked: Soaked) -> Iterator[str]:
    if soaked.form.bounds_growth:
        warm_up = soaked.looks[0].at + soaked.form.warm_up
        most = max(look.in_flight for look in soaked.looks if look.at < warm_up)
        yield (
            f"- The warm-up, {WARM_UP:.0%} of the time, ends with as many calls at once as there ever are: in turn, "
            f"{', '.join(map(repr, WORST))} strike every provider at once for {WORST_SECONDS:g} s. The callers make "
            f"at most {MOST_AT_ONCE:,} calls at once; the looks saw up to {most:,} under way. Much of what such "
            "a peak takes stays with the interpreter; the slope is of what comes afterwards."
        )


def _goals(soaked: Soaked) -> str:
    rows = [[each.what, each.bound, each.measured, "yes" if each.kept else "**no**"] for each in checks(soaked)]
    return "## Promises\n\n" + _table(["what", "promised", "measured", "kept"], rows)


def _ends(soaked: Soaked) -> str:
    ends = soaked.judged.ends
    rows = [[str(each), f"{ends[each]:,}"] for each in End]
    by_kind = "; ".join(f"{name} {number:,}" for name, number in sorted(soaked.calls.items()))
    late = f"A call began at most {soaked.late_seconds:.2f} s after its time."
    more = f"\nBy caller: {by_kind}. Slow readers: {soaked.slow_readers:,}. {late}"
    held = f" Calls not made, as too many were under way: {soaked.held:,}." if soaked.held else ""
    return "## How calls ended\n\n" + _table(["end", "calls"], rows) + more + held + "\n"


def _faults(soaked: Soaked) -> str:
    injected, felt, attempts = Counter[str](), Counter[str](), Counter[str]()
    for each in soaked.history.injections:
        injected[each.fault] += 1
        felt[each.fault] += each.felt > 0
        attempts[each.fault] += each.felt
    rows = [[name, str(injected[name]), str(felt[name]), f"{attempts[name]:,}"] for name in FAULTS if injected[name]]
    return "## Faults\n\n" + _table(["fault", "injected", "felt", "attempts failed by it"], rows)


def _looks(soaked: Soaked) -> str:
    """Show a dozen looks, evenly spread."""
    looks = soaked.looks
    step = max(1, len(looks) // 12)
    columns: list[tuple[str, Callable[[Look], str]]] = [
        ("after s", lambda look: f"{look.at - looks[0].at:.0f}"),
        ("proxy MiB", lambda look: f"{look.mib:.1f}"),
        ("operator MiB", lambda look: f"{look.operator_mib:.1f}"),
        ("descriptors", lambda look: str(look.descriptors)),
        ("tasks", lambda look: str(look.tasks)),
        ("threads", lambda look: str(look.threads)),
        ("in flight", lambda look: str(look.in_flight)),
    ]
    rows = [[read(look) for _, read in columns] for look in looks[::step]]
    return "## What it held\n\n" + _table([name for name, _ in columns], rows)


def _held(look: Look | None) -> str:
    return "–" if look is None else f"{look.descriptors}, {look.tasks}, {look.threads}"


def _uncollectable(look: Look | None) -> str:
    return "–" if look is None else str(look.uncollectable)


def _table(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
