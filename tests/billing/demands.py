"""What a record must say beside the line of the invoice that it is of."""

import json

from billing.objects import price_of
from billing.spooled import tokens_of
from doubles.cost_oracle import nano_cost
from doubles.invoice import NOTHING, PARTIAL, WHOLE, Line
from doubles.vendor_counts import Tokens

from fairlead_proxy.contract.usage_record import UsageRecord

BYTES_PER_TOKEN = 4
"""What an estimate counts as one token, rounded up (design, section 5.2)."""


def check_exact(record: UsageRecord, line: Line, provider: str) -> None:
    """A record that is reported says of tokens and cost what the invoice says."""
    assert record.basis == "reported"
    assert line.charge == WHOLE
    assert tokens_of(record) == line.tokens
    check_cost(record, provider)


def check_cost(record: UsageRecord, provider: str) -> None:
    """Whatever tokens a record has, they cost what the provider's owner wrote."""
    assert record.provider == f"default/{provider}"
    assert record.cost_nano == nano_cost(tokens_of(record), price_of(provider))
    assert (record.currency, json.loads(record.price)["source"]) == ("USD", "ModelProvider")


def check_unbilled(record: UsageRecord, line: Line | None, provider: str) -> None:
    """Nothing was charged, and nothing is booked but that it was tried."""
    assert line is None or line.charge == NOTHING
    assert (record.basis, record.provider) == ("unbilled", f"default/{provider}")
    assert (tokens_of(record), record.cost_nano) == (Tokens(), 0)


def check_estimated(record: UsageRecord, line: Line, provider: str, *, prompt_bytes: int, output_bytes: int) -> None:
    """An estimate is of the bytes that came: never nothing, never absent, and no more than there was.

    `output_bytes`: of the text that the provider has sent at most.
    """
    assert (record.basis, line.charge) == ("estimated", PARTIAL)
    whole_input = tokens_of(record).input
    assert whole_input in (line.tokens.input, -(-prompt_bytes // BYTES_PER_TOKEN))
    assert 0 < record.output_tokens <= -(-output_bytes // BYTES_PER_TOKEN)
    check_cost(record, provider)
    assert record.cost_nano
