"""Spending in the columns of FOCUS 1.4: one charge for each hour, model, caller and kind of token.

Source: https://focus.finops.org/focus-specification/v1-4/, the dataset Cost and Usage, its columns in its order.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from fairlead_ledger.spending.money import PER_MILLION_DIGITS, decimal_text, money_text
from fairlead_ledger.spending.question import moment_text, read_row
from fairlead_ledger.store.rollups import DIMENSIONS, HOUR_MS, KINDS, kind_rates, price_used

FOCUS_VERSION = "1.4"

FOCUS_COLUMNS = (
    "AllocatedMethodId",
    "AllocatedMethodDetails",
    "AllocatedResourceId",
    "AllocatedResourceName",
    "AllocatedTags",
    "AvailabilityZone",
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingAccountType",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "CapacityReservationId",
    "CapacityReservationStatus",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "CommitmentDiscountCategory",
    "CommitmentDiscountId",
    "CommitmentDiscountName",
    "CommitmentDiscountQuantity",
    "CommitmentDiscountStatus",
    "CommitmentDiscountType",
    "CommitmentDiscountUnit",
    "CommitmentProgramEligibilityDetails",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractApplied",
    "ContractedCost",
    "ContractedUnitPrice",
    "EffectiveCost",
    "HostProviderName",
    "InvoiceDetailId",
    "InvoiceId",
    "InvoiceIssuerName",
    "ListCost",
    "ListUnitPrice",
    "PricingCategory",
    "PricingCurrency",
    "PricingCurrencyContractedUnitPrice",
    "PricingCurrencyEffectiveCost",
    "PricingCurrencyListUnitPrice",
    "PricingQuantity",
    "PricingUnit",
    "RegionId",
    "RegionName",
    "ResourceId",
    "ResourceName",
    "ResourceType",
    "ServiceProviderName",
    "ServiceCategory",
    "ServiceName",
    "ServiceSubcategory",
    "SkuId",
    "SkuMeter",
    "SkuPriceDetails",
    "SkuPriceId",
    "SubAccountId",
    "SubAccountName",
    "SubAccountType",
    "Tags",
)
"""Version 1.4 has no ProviderName and PublisherName any more; ServiceProviderName and HostProviderName are theirs."""

CUSTOM_COLUMNS = (
    "x_AttemptCount",
    "x_Basis",
    "x_Caller",
    "x_Gateway",
    "x_Operation",
    "x_PriceSource",
    "x_UnpricedAttemptCount",
)

HEADER = (*FOCUS_COLUMNS, *CUSTOM_COLUMNS)

FOCUS_GROUPS = DIMENSIONS
"""A charge is a kind of token of one row of the sums: by less, its price would not be known."""

METERS = {
    "input": "Input Tokens",
    "cached_input": "Cached Input Tokens",
    "cache_write": "Cache Write Tokens",
    "cache_write_long": "Long Cache Write Tokens",
    "output": "Output Tokens",
}


NOTHING_USED = "input"
"""The kind under which attempts stand that used no tokens of any."""


def focus_rows(rows: Sequence[tuple[Any, ...]]) -> list[dict[str, str]]:
    """Return the charges of these rows, grouped by FOCUS_GROUPS; an empty text is null. An unknown cost is null too,
    which FOCUS does not foresee: a 0 would be a lie.
    """
    return [charge for row in rows for charge in _charges(read_row(FOCUS_GROUPS, row))]


def _charges(row: dict[str, Any]) -> Iterator[dict[str, str]]:
    # Attempts that used nothing are a charge for no input, so that all attempts are in some row.
    used = [kind for kind in KINDS if row[f"{kind}_tokens"] or row[f"{kind}_cost_nano"]] or [NOTHING_USED]
    rates = dict(zip(KINDS, kind_rates(row["price"]), strict=True))
    whole = _whole_row(row)
    for kind in used:
        # The attempts are those of all kinds together: counted once, with the first.
        counted = kind == used[0]
        counts = {
            "x_AttemptCount": str(row["attempts"]) if counted else "",
            "x_UnpricedAttemptCount": str(row["unpriced"]) if counted else "",
        }
        yield dict.fromkeys(HEADER, "") | whole | _of_kind(row, kind, rates[kind]) | counts


def _whole_row(row: dict[str, Any]) -> dict[str, str]:
    begin, end = _month_of(row["hour"])
    used = price_used(row["price"])
    tags = {"fairlead.dev/policy": row["policy"], "fairlead.dev/rule": row["rule"]}
    return {
        "BillingAccountId": row["provider"],
        "BillingAccountName": row["provider"],
        "BillingAccountType": "ModelProvider",
        "BillingCurrency": row["currency"],
        "BillingPeriodEnd": end,
        "BillingPeriodStart": begin,
        "ChargeCategory": "Usage",
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodEnd": moment_text(row["hour"] + HOUR_MS),
        "ChargePeriodStart": moment_text(row["hour"]),
        "InvoiceIssuerName": row["provider"],
        "PricingCategory": "Standard",
        "PricingCurrency": row["currency"],
        "ResourceId": f"{row['provider']}/{row['model']}",
        "ResourceName": row["model"],
        "ResourceType": "Model",
        "ServiceProviderName": row["provider"],
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": row["upstream_model"],
        "ServiceSubcategory": "Generative AI",
        "SubAccountId": row["namespace"],
        "SubAccountName": row["namespace"],
        "SubAccountType": "Namespace",
        "Tags": json.dumps(tags, ensure_ascii=False),
        "x_Basis": row["basis"],
        "x_Caller": row["caller"],
        "x_Gateway": row["gateway"],
        "x_Operation": row["operation"],
        "x_PriceSource": used.source if used is not None else "",
    }


def _of_kind(row: dict[str, Any], kind: str, rate: int | None) -> dict[str, str]:
    tokens = row[f"{kind}_tokens"]
    cost = money_text(row[f"{kind}_cost_nano"], 0) if row["priced"] else ""
    price = money_text(rate, 0) if rate is not None else ""
    used = price_used(row["price"])
    above = used.above if used is not None else 0
    sku = f"{row['upstream_model']}/{METERS[kind]}"
    return {
        "BilledCost": cost,
        "ChargeDescription": f"{METERS[kind]} of {row['upstream_model']}",
        "ConsumedQuantity": str(tokens),
        "ConsumedUnit": "Tokens",
        "ContractedCost": cost,
        "ContractedUnitPrice": price,
        "EffectiveCost": cost,
        "ListCost": cost,
        "ListUnitPrice": price,
        "PricingCurrencyContractedUnitPrice": price,
        "PricingCurrencyEffectiveCost": cost,
        "PricingCurrencyListUnitPrice": price,
        "PricingQuantity": decimal_text(tokens, PER_MILLION_DIGITS),
        "PricingUnit": "1000000 Tokens",
        "SkuId": sku,
        "SkuMeter": METERS[kind],
        "SkuPriceDetails": json.dumps({"x_InputTokensAbove": above}) if above else "",
        "SkuPriceId": f"{sku}/above {above}" if above else sku,
    }


def _month_of(moment_ms: int) -> tuple[str, str]:
    """Return the begin of the calendar month in UTC, and of the next one."""
    begin = datetime.fromtimestamp(moment_ms // 1000, UTC).replace(day=1, hour=0, minute=0, second=0)
    end = begin.replace(year=begin.year + begin.month // 12, month=begin.month % 12 + 1)
    return moment_text(int(begin.timestamp()) * 1000), moment_text(int(end.timestamp()) * 1000)
