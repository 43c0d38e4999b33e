"""One line a call: who called what, who answered, how long it took, what it cost. Never any content."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from fairlead_proxy.contract.price import write_amount
from fairlead_proxy.exchange.record import CallRecord
from fairlead_proxy.telemetry.usual_line import usual_line


class AccessLine(msgspec.Struct, gc=False):
    """The fields of one line, in their order. `cost_usd`: a decimal number; null where a price is unknown."""

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
    cost_usd: str | None
    revision: str


LineFormat = Callable[[Sequence[CallRecord]], bytes]
"""Makes the lines of calls that have ended: one each, in their order, with its line feed."""


class AccessLog:
    """Writes to whatever `write` is: it gets whole lines and how many they are, and must not block."""

    def __init__(self, write: Callable[[bytes, int], None], form: LineFormat) -> None:
        self._write = write
        self._form = form

    def tell(self, records: Sequence[CallRecord]) -> None:
        """Write the lines of calls that have ended."""
        self._write(self._form(records), len(records))


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
        words.append(f"{line.cost_usd} USD")
    if line.caller:
        words.append(f"caller={line.caller}")
    if line.request_id:
        words.append(f"request_id={line.request_id}")
    return "  ".join([*words, f"call={line.call}"]).encode()


def line_of(record: CallRecord) -> AccessLine:
    """Return the line of a call that has ended."""
    facts, plan, last, earlier = record.facts, record.plan, record.last, record.earlier
    provider = model = policy = rule = ""
    input_tokens = output_tokens = 0
    ttft = cost = None
    if plan is not None and plan.route is not None:
        policy, rule = plan.route.policy.id, plan.route.rule.name
    if last is not None:
        provider, _, model, _ = last.cell
        cost = record.cost_in("USD")
        seconds = record.ttft_seconds
        if seconds is not None:
            ttft = int(seconds * 1e6 + 0.5) / 1e6
        usage = last.usage
        if usage is not None:
            input_tokens, output_tokens = usage.input_tokens, usage.output_tokens
        for outcome in earlier:
            if outcome.usage is not None:
                input_tokens += outcome.usage.input_tokens
                output_tokens += outcome.usage.output_tokens
    # To the nearest milli- and microsecond: `round` takes three times as long.
    return AccessLine(
        int(record.started_at * 1e3 + 0.5) / 1e3,
        record.call,
        record.request_id,
        record.tenant,
        record.caller,
        policy,
        rule,
        provider,
        model,
        record.operation,
        facts.mode if facts is not None else "",
        record.code,
        record.reason,
        0 if last is None else len(earlier) + 1,
        int((record.ended_at - record.started_at) * 1e6 + 0.5) / 1e6,
        ttft,
        input_tokens,
        output_tokens,
        None if cost is None else write_amount(cost),
        record.revision,
    )


def json_lines() -> LineFormat:
    """Return what makes lines for machines."""
    encode = msgspec.json.Encoder().encode

    def form(records: Sequence[CallRecord]) -> bytes:
        lines = [usual_line(record) or f"{encode(line_of(record)).decode()}\n" for record in records]
        return "".join(lines).encode()

    return form


def text_lines() -> LineFormat:
    """Return what makes lines for people."""
    return lambda records: b"".join([text_line(line_of(each)) + b"\n" for each in records])


LINE_FORMATS: Mapping[str, Callable[[], LineFormat]] = {"json": json_lines, "text": text_lines}
"""How lines are written, by the log format that a process was told."""
