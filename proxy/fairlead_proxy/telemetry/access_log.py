"""One line a call: who called what, who answered, how long it took, what it cost. Never any content."""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from fairlead_proxy.exchange.record import CallRecord


class AccessLine(msgspec.Struct, gc=False):
    """The fields of one line, in the order in which they are written. `cost_usd`: null where a price is unknown."""

    at: float
    call: str
    request_id: str
    namespace: str
    caller: str
    policy: str
    rule: str
    provider: str
    model: str
    operation: str
    mode: str
    code: int
    reason: str
    attempts: int
    duration_seconds: float
    ttft_seconds: float | None
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal | None
    revision: str


def text_line(line: AccessLine) -> bytes:
    """Return a line for people: what matters at a glance, and the id under which the rest can be looked up."""
    at = datetime.fromtimestamp(line.at, UTC).astimezone()
    answered = f"{line.provider}/{line.model}" if line.provider else "-"
    attempts = "1 attempt" if line.attempts == 1 else f"{line.attempts} attempts"
    words = [
        f"{at:%H:%M:%S}",
        f"{line.code} {line.reason}",
        f"{line.policy or line.namespace or '-'} {line.rule}".rstrip(),
        answered,
        f"{line.mode or '-'}, {attempts}, {line.duration_seconds:.3f}s",
        f"{line.input_tokens}+{line.output_tokens} tokens",
    ]
    if line.ttft_seconds is not None:
        words.insert(5, f"first token {line.ttft_seconds:.3f}s")
    if line.cost_usd is not None:
        words.append(f"{line.cost_usd:f} USD")
    if line.caller:
        words.append(f"caller={line.caller}")
    if line.request_id:
        words.append(f"request_id={line.request_id}")
    return "  ".join([*words, f"call={line.call}"]).encode()


LineFormat = Callable[[Sequence[CallRecord]], bytes]
"""Makes the lines of calls that have ended: one each, in their order, with its line feed."""


def line_of(record: CallRecord) -> AccessLine:
    """Return the line of a call that has ended."""
    facts, plan, last = record.facts, record.plan, record.last
    route = plan.route if plan is not None else None
    input_tokens = output_tokens = 0
    for outcome in record.outcomes:
        if outcome.usage is not None:
            input_tokens += outcome.usage.input_tokens
            output_tokens += outcome.usage.output_tokens
    ttft = record.ttft_seconds
    return AccessLine(
        _rounded(record.started_at, 1e3),
        record.call,
        record.request_id,
        record.tenant,
        record.caller,
        route.policy.id if route else "",
        route.rule.name if route else "",
        last.provider if last else "",
        last.model if last else "",
        record.operation,
        facts.mode if facts else "",
        record.code,
        record.reason,
        record.attempts,
        _rounded(record.ended_at - record.started_at, 1e6),
        None if ttft is None else _rounded(ttft, 1e6),
        input_tokens,
        output_tokens,
        record.cost_in("USD"),
        record.revision,
    )


def _rounded(seconds: float, parts: float) -> float:
    """Return this to the nearest of so many parts of a second; a third of what `round` costs."""
    return math.floor(seconds * parts + 0.5) / parts


_ENCODER = msgspec.json.Encoder()


def json_lines(records: Sequence[CallRecord]) -> bytes:
    """Return lines for machines."""
    return _ENCODER.encode_lines([line_of(record) for record in records])


def text_lines(records: Sequence[CallRecord]) -> bytes:
    """Return lines for people."""
    return b"".join([text_line(line_of(record)) + b"\n" for record in records])


LINE_FORMATS: Mapping[str, LineFormat] = {"json": json_lines, "text": text_lines}
"""How lines are written, by the log format that a process was told."""
