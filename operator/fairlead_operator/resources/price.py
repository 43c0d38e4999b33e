"""What a model costs, as its provider's owner writes it."""

from typing import Annotated

from pydantic import Field

from fairlead_operator.resources.checks import Checked
from fairlead_operator.resources.meta import DECIMAL_PATTERN, Resource

CURRENCY_PATTERN = r"^[A-Z]{3}$"
MAX_TIERS = 4

Amount = Annotated[str, Field(max_length=20, pattern=DECIMAL_PATTERN)]


class PerMillionTokens(Resource):
    """Prices per million tokens; omit what is not known: it is never taken for 0."""

    input: Annotated[
        Amount | None, Field(description="Price of a million input tokens; omitted: unknown, which is not 0.")
    ] = None
    cached_input: Annotated[Amount | None, Field(description="Of input read from a cache; omitted: as input.")] = None
    cache_write: Annotated[Amount | None, Field(description="Of input written to a cache; omitted: as input.")] = None
    cache_write_long: Annotated[
        Amount | None,
        Field(description="Of input written to a cache that keeps it for an hour; omitted: as cacheWrite."),
    ] = None
    output: Annotated[
        Amount | None, Field(description="Price of a million output tokens; omitted: unknown, which is not 0.")
    ] = None


class LongContextSpec(Resource):
    """What a call with a long input costs: all its tokens, not only those above the bound."""

    above: Annotated[
        int,
        Field(
            description="The prices hold for input of more tokens than this, cached ones included.",
            ge=1,
            le=100_000_000,
        ),
    ]
    per_m_tok: Annotated[
        PerMillionTokens,
        Field(
            alias="perMTok",
            description="Prices per million tokens. They stand for themselves: what is omitted here is not taken from "
            "the prices of shorter calls.",
        ),
    ]


def _grows(tiers: list[LongContextSpec]) -> bool:
    bounds = [tier.above for tier in tiers]
    return bounds == sorted(set(bounds))


GROWING = Checked(
    cel="self.map(tier, tier.above).isSorted() && self.all(tier, self.exists_one(other, other.above == tier.above))",
    message="must grow in `above` from entry to entry; sort them, and give each bound once",
    holds=_grows,
)


class PriceSpec(Resource):
    """What a model costs."""

    currency: Annotated[str, Field(description="ISO 4217 code.", max_length=3, pattern=CURRENCY_PATTERN)] = "USD"
    per_m_tok: Annotated[PerMillionTokens, Field(alias="perMTok", description="Prices per million tokens.")]
    long_context: Annotated[
        list[LongContextSpec],
        Field(
            description="Prices of calls with a long input, sorted by `above`; the last one that applies is taken for "
            "the whole call.",
            max_length=MAX_TIERS,
        ),
        GROWING,
    ] = []
