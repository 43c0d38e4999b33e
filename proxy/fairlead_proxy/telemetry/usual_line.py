"""The short way to write a call's line for machines: for a call that its first attempt answered, at a price in USD."""

import msgspec

from fairlead_proxy.contract.linked import Step
from fairlead_proxy.contract.names import Mode
from fairlead_proxy.exchange.record import CallRecord

MOST_KINDS = 1000
"""How many kinds of calls at one step are remembered; then all of them are forgotten. A default."""


class _Kind:
    """What the lines of all calls at one step, in one mode and by one caller, have in common, already encoded.

    `others`: all kinds of the step, by caller and mode.
    """

    __slots__ = ("caller", "middle", "mode", "others")

    def __init__(self, others: "dict[tuple[str, Mode], _Kind]", caller: str, mode: Mode, middle: str) -> None:
        self.others = others
        self.caller = caller
        self.mode = mode
        self.middle = middle


def usual_line(record: CallRecord) -> str | None:
    """Return the line, with its line feed; None for a call that is not of the usual sort."""
    last = record.last
    if last is None or last.failure is not None or record.earlier or record.reason != "ok":
        return None
    usage = last.usage
    if usage is None or last.cached:
        return None
    kept = last.step.shelf.kind
    if isinstance(kept, _Kind) and kept.caller == record.caller and kept.mode is last.cell.mode:
        kind = kept
    else:
        found = _find(record, last.step)
        if found is None:
            return None
        kind = found
    input_tokens, output_tokens, cost = usage.input_tokens, usage.output_tokens, last.cost
    asked = record.request_id
    if cost is None or input_tokens < 0 or output_tokens < 0 or '"' in asked or "\\" in asked:
        return None
    began = record.started_at
    ttft = "null" if last.first_token_at is None else _decimal(int((last.first_token_at - began) * 1e6 + 0.5), 6)
    return (
        f'{{"at":{_decimal(int(began * 1e3 + 0.5), 3)},"call":"{record.call}","request_id":"{asked}",{kind.middle}'
        f'"code":{record.code},"reason":"ok","attempts":1,'
        f'"duration_seconds":{_decimal(int((record.ended_at - began) * 1e6 + 0.5), 6)},"ttft_seconds":{ttft},'
        f'"input_tokens":{input_tokens},"output_tokens":{output_tokens},'
        f'"cost_usd":"{_decimal(cost, 9).rstrip("0").rstrip(".")}","revision":"{record.revision}"}}\n'
    )


def _find(record: CallRecord, step: Step) -> _Kind | None:
    """Return what calls of this kind have in common; None where the short way is not theirs."""
    if record.facts is None:
        return None
    kept = step.shelf.kind
    others = kept.others if isinstance(kept, _Kind) else {}
    key = (record.caller, record.facts.mode)
    kind = others.get(key)
    if kind is None:
        price = step.model.price
        if price is None or price.currency != "USD":
            return None
        if len(others) >= MOST_KINDS:
            others.clear()
        middle = _middle_of(record, step)
        kind = others[key] = _Kind(others, record.caller, record.facts.mode, middle)
    step.shelf.kind = kind  # most likely the next call's too
    return kind


def _decimal(number: int, places: int) -> str:
    """Return so many units of 10^-places as a decimal fraction."""
    digits = str(number)
    if len(digits) <= places:
        digits = digits.rjust(places + 1, "0")
    return f"{digits[:-places]}.{digits[-places:]}"


def _middle_of(record: CallRecord, step: Step) -> str:
    fields = {
        "namespace": record.tenant,
        "caller": record.caller,
        "policy": record.policy,
        "rule": record.rule,
        "provider": step.provider.id,
        "model": step.model.name,
        "operation": record.operation,
        "mode": record.facts.mode if record.facts is not None else "",
    }
    return msgspec.json.encode(fields)[1:-1].decode() + ","
