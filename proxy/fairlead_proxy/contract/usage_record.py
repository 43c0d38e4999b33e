"""One attempt as the ledger keeps it, and the form in which a proxy spools it for whoever ships it to the stores.

A spool is a directory with one subdirectory for each life of a proxy process, `<proxy>-<milliseconds of its start>`.
In there:

- `lock`: locked with flock(2) by the process for as long as it lives.
- `counters`: three unsigned 64-bit integers in the machine's byte order, in shared memory, so that they outlive a
  killed process: attempts that began, records that were spooled, records that were dropped for want of room.
- `<first>.spool`: segments, named by the number (20 digits, from 0) of the first record in them, records being numbered
  through the life of the process. Each stands alone. A line is a JSON object, which is a Kind and holds for the lines
  after it that name its number, or a JSON array, which is an Entry. What follows the last newline is not written yet.
"""

from enum import StrEnum

import msgspec
from msgspec import Struct

from fairlead_proxy.contract.names import Mode, Operation
from fairlead_proxy.contract.price import Price

SEGMENT_SUFFIX = ".spool"
LOCK_FILE, COUNTERS_FILE = "lock", "counters"
SHIP_FILE = "shipped.json"
BEGAN, SPOOLED, DROPPED = 0, 1, 2
"""Which of the counters is which."""


class Basis(StrEnum):
    """Where an attempt's tokens come from.

    UNBILLED: the provider reported none, and nothing of an answer came that it could charge for.
    """

    REPORTED = "reported"
    ESTIMATED = "estimated"
    UNBILLED = "unbilled"


class Kind(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the attempts of one kind share. Every value comes from the configuration, or from a closed set.

    `gateway`, `policy` and `provider` are `namespace/name`; `caller` is the name of the key or account that called;
    `model` is the provider's model as policies name it, `upstream_model` as its vendor does, `virtual_model` as the
    caller did. `outcome`: `Answered` or a failure class; `status`: the provider's HTTP status, 0: none came.
    """

    kind: int
    gateway: str
    proxy: str
    namespace: str
    caller: str
    policy: str
    rule: str
    provider: str
    credential: str
    model: str
    upstream_model: str
    virtual_model: str
    operation: Operation
    mode: Mode
    outcome: str
    status: int = 0
    basis: Basis = Basis.REPORTED
    price: Price | None = None


class Entry(Struct, frozen=True, array_like=True):
    """One attempt of a kind. `call`: the decision's id; `attempt` counts from 1; `at`: Unix milliseconds of its begin.

    The kinds of tokens do not overlap, but that `reasoning` are some of `output`. `cost`: in nano-units of the price's
    currency; None: unknown, and not 0.
    """

    kind: int
    call: str
    attempt: int
    at: int
    duration_ms: int
    cost: int | None
    input: int = 0
    output: int = 0
    cached_input: int = 0
    cache_write: int = 0
    cache_write_long: int = 0
    reasoning: int = 0


class SinkReport(Struct, frozen=True, kw_only=True):
    """How one store does. `up`: the last batch was taken, or a part of it; `error` says why it, or the rest, was not;
    `shipped`: records since its cursor began, `unshipped`: records that are spooled and not yet in it; `lost`: records
    that will never be, by reason (`spool-full`, `spool-failed`, `killed`, `unreadable`, `refused`).
    """

    up: bool
    error: str = ""
    shipped: int = 0
    unshipped: int = 0
    lost: dict[str, int] = {}


class ShipReport(Struct, frozen=True, kw_only=True):
    """What the file SHIP_FILE in the spool's root says, by whoever ships it: of each sink by its name (`sqlite`,
    `postgres`, `json-lines`, `otlp`). `at`: Unix seconds.
    """

    at: float
    sinks: dict[str, SinkReport] = {}


class UsageRecord(Struct, frozen=True, kw_only=True):
    """One attempt in full. `id` is the same however often it is shipped. See Kind and Entry for the fields.

    `currency` is empty where no price is known. `price`: JSON of the rates that were used (nano-units per million
    tokens), the tier they are of, and the source of the figures; empty without a price.
    """

    id: str
    call: str
    attempt: int
    at: int
    duration_ms: int
    gateway: str
    proxy: str
    namespace: str
    caller: str
    policy: str
    rule: str
    provider: str
    credential: str
    model: str
    upstream_model: str
    virtual_model: str
    operation: str
    mode: str
    outcome: str
    status: int
    basis: str
    input_tokens: int
    cached_input_tokens: int
    cache_write_tokens: int
    cache_write_long_tokens: int
    output_tokens: int
    reasoning_tokens: int
    cost_nano: int | None
    currency: str
    price: str


def record_of(kind: Kind, entry: Entry) -> UsageRecord:
    """Return an attempt in full."""
    whole_input = entry.input + entry.cached_input + entry.cache_write + entry.cache_write_long
    return UsageRecord(
        id=f"{entry.call}.{entry.attempt}",
        call=entry.call,
        attempt=entry.attempt,
        at=entry.at,
        duration_ms=entry.duration_ms,
        gateway=kind.gateway,
        proxy=kind.proxy,
        namespace=kind.namespace,
        caller=kind.caller,
        policy=kind.policy,
        rule=kind.rule,
        provider=kind.provider,
        credential=kind.credential,
        model=kind.model,
        upstream_model=kind.upstream_model,
        virtual_model=kind.virtual_model,
        operation=str(kind.operation),
        mode=str(kind.mode),
        outcome=kind.outcome,
        status=kind.status,
        basis=str(kind.basis),
        input_tokens=entry.input,
        cached_input_tokens=entry.cached_input,
        cache_write_tokens=entry.cache_write,
        cache_write_long_tokens=entry.cache_write_long,
        output_tokens=entry.output,
        reasoning_tokens=entry.reasoning,
        cost_nano=entry.cost,
        currency=kind.price.currency if kind.price else "",
        price=_price_used(kind.price, whole_input) if kind.price else "",
    )


def _price_used(price: Price, input_tokens: int) -> str:
    above = max((tier.above for tier in price.tiers if input_tokens > tier.above), default=0)
    used = {"source": price.source or "ModelProvider", "above": above, "rates": price.rates_of(input_tokens)}
    return msgspec.json.encode(used).decode()
