"""One line a call: who called what, who answered, how long it took, what it cost. Never any content."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from fairlead_proxy.exchange.record import CallRecord


class AccessLine(msgspec.Struct, frozen=True):
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


class AccessLog:
    """Writes to whatever `write` is: it gets one whole line, with its line feed, and must not block."""

    def __init__(self, write: Callable[[bytes], None], encode: Callable[[AccessLine], bytes]) -> None:
        self._write = write
        self._encode = encode

    def call(self, record: CallRecord) -> None:
        """Write the line of a call that has ended."""
        self._write(self._encode(line_of(record)) + b"\n")


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


LINE_FORMATS: Mapping[str, Callable[[AccessLine], bytes]] = {
    "json": msgspec.json.Encoder().encode,
    "text": text_line,
}
"""How a line is written, by the log format that a process was told."""


def line_of(record: CallRecord) -> AccessLine:
    """Return the line of a call that has ended."""
    facts, outcomes = record.facts, record.outcomes
    last = outcomes[-1] if outcomes else None
    input_tokens = output_tokens = 0
    for outcome in outcomes:
        if outcome.usage is not None:
            input_tokens += outcome.usage.input_tokens
            output_tokens += outcome.usage.output_tokens
    ttft = record.ttft_seconds
    return AccessLine(
        round(record.started_at, 3),
        record.call,
        record.request_id,
        record.tenant,
        record.caller,
        record.policy,
        record.rule,
        last.provider if last else "",
        last.model if last else "",
        record.operation,
        facts.mode if facts else "",
        record.code,
        record.reason,
        len(outcomes),
        round(record.ended_at - record.started_at, 6),
        None if ttft is None else round(ttft, 6),
        input_tokens,
        output_tokens,
        record.cost_in("USD"),
        record.revision,
    )
