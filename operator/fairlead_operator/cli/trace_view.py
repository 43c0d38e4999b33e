"""The record of one call in words: what was decided, what every attempt came to, and what it cost."""

from collections.abc import Iterator, Mapping
from typing import Any

from fairlead_operator.cli.answer import Answer
from fairlead_operator.cli.columns import render_table
from fairlead_operator.status.conditions import timestamp

Record = Mapping[str, Any]


def trace_answer(record: Record, proxy: str) -> Answer:
    """Return what a proxy's `/debug/decisions/ID` told, as text and as it came; `proxy`: who remembered it."""
    text = "".join(f"{line}\n" for line in _head(record, proxy))
    targets, attempts = list(_targets(record)), list(_attempts(record))
    if targets:
        text += "\nTARGETS\n" + _indented(render_table(targets))
    text += "\nATTEMPTS\n" + (_indented(render_table(attempts)) if attempts else "  none: no provider was asked\n")
    return Answer(text, {"proxy": proxy, **record}, (f"decision/{record['call']}",))


def _head(record: Record, proxy: str) -> Iterator[str]:
    asked = ", ".join(
        str(record[name]) for name in ("operation", "dialect", "mode") if record.get(name) not in (None, "")
    )
    yield f"call       {record['call']} at {timestamp(record['at'])}, remembered by {proxy}"
    if record.get("request_id"):
        yield f"request    {record['request_id']}"
    yield f"asked      model {record['model'] or '-'} of namespace {record['namespace'] or '-'}; {asked}"
    if record.get("caller"):
        yield f"caller     {record['caller']}"
    facts = [
        f"{record[name]} {what}"
        for name, what in (("prompt_tokens", "prompt tokens estimated"), ("max_tokens", "tokens at most"))
        if record.get(name)
    ]
    facts += [f"{what} {record[name]}" for name, what in (("intent", "intent"),) if record.get(name)]
    facts += [f"{what} {', '.join(record[name])}" for name, what in (("needs", "needs"),) if record.get(name)]
    if facts:
        yield f"facts      {'; '.join(facts)}"
    if record.get("rule"):
        yield f"rule       {record['rule']} of policy {record['policy']}, revision {record['revision']}"
    if record.get("refusal"):
        yield f"refused    {record['refusal']}"
    first = record.get("ttft_seconds")
    began = f", first token after {_seconds(first)}" if first is not None else ""
    why = f" {record['reason']}" if record.get("reason") else ""
    yield f"outcome    {record['code']}{why} after {_seconds(record['duration_seconds'])}{began}"
    cost = ", ".join(f"{amount} {currency}" for currency, amount in sorted((record.get("cost") or {}).items()))
    yield f"cost       {cost or 'not known'}"


def _targets(record: Record) -> Iterator[list[str]]:
    targets = record.get("targets") or ()
    if targets:
        yield ["", "TARGET", "WHY"]
    for position, target in enumerate(targets, 1):
        words = [f"skipped: {target['skipped']}"] if target.get("skipped") else []
        words += [f"late: {target['late']}"] if target.get("late") else []
        words += [
            f"credential {name} skipped: {why}" for name, why in (target.get("skipped_credentials") or {}).items()
        ]
        yield [str(position), str(target["target"]), "; ".join(words) or "in turn"]


def _attempts(record: Record) -> Iterator[list[str]]:
    attempts = record.get("attempts") or ()
    if attempts:
        yield ["", "TARGET", "CREDENTIAL", "OUTCOME", "STATUS", "TOOK", "FIRST-TOKEN", "TOKENS", "COST", "DETAIL"]
    for position, attempt in enumerate(attempts, 1):
        usage = attempt.get("usage") or {}
        tokens = f"{usage['input_tokens']} in, {usage['output_tokens']} out" if usage else "-"
        tokens += ", estimated" if usage.get("estimated") else ""
        cost = f"{attempt['cost']} {attempt['currency']}".strip() if attempt.get("cost") is not None else "-"
        detail = [str(attempt.get("detail") or "")]
        if attempt.get("retry_after_seconds") is not None:
            detail.append(f"asked to wait {_seconds(attempt['retry_after_seconds'])}")
        if attempt.get("lost"):
            detail.append(f"not told: {', '.join(attempt['lost'])}")
        first = attempt.get("first_token_seconds")
        yield [
            str(position),
            str(attempt["target"]),
            str(attempt.get("credential") or "-"),
            str(attempt["outcome"]),
            str(attempt["status"]) if attempt.get("status") is not None else "-",
            _seconds(attempt["duration_seconds"]),
            _seconds(first) if first is not None else "-",
            tokens,
            cost,
            "; ".join(part for part in detail if part),
        ]


def _seconds(seconds: float) -> str:
    return f"{seconds:.3f} s"


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.splitlines())
