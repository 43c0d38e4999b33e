"""Records of attempts for tests of the ledger, made whole from what a test cares about."""

import json
from typing import Any

import msgspec
from doubles.spool_writer import KIND, LONG_AGO_MS

from fairlead_proxy.contract.usage_record import UsageRecord

RATES = {"input": 1_250_000_000, "cached_input": 125_000_000, "output": 10_000_000_000}
PRICE_USED = json.dumps({"source": "ModelProvider", "above": 0, "rates": RATES})


def usage_record(call: str, **other: Any) -> UsageRecord:
    """Return one; by default 1,000 tokens in and 100 out for 2,250,000 nano-dollars, at LONG_AGO_MS."""
    fields: dict[str, Any] = {name: value for name, value in KIND.items() if name != "price"}
    fields |= {
        "id": f"{call}.1",
        "call": call,
        "attempt": 1,
        "at": LONG_AGO_MS,
        "duration_ms": 250,
        "basis": "reported",
        "input_tokens": 1_000,
        "cached_input_tokens": 0,
        "cache_write_tokens": 0,
        "cache_write_long_tokens": 0,
        "output_tokens": 100,
        "reasoning_tokens": 0,
        "cost_nano": 2_250_000,
        "currency": "USD",
        "price": PRICE_USED,
    }
    return msgspec.convert(fields | other, UsageRecord)
