"""Providers of snapshots of format 1, which had prices in decimal numbers: what an older operator left is read on."""

from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct

from fairlead_proxy.contract.config import Provider
from fairlead_proxy.contract.price import NANO, Price, Rates


class _Price(Struct, frozen=True, kw_only=True):
    """What a model cost, in `currency` per million tokens, with at most nine digits on each side of the point."""

    currency: str = "USD"
    input: Decimal | None = None
    cached_input: Decimal | None = None
    cache_write: Decimal | None = None
    output: Decimal | None = None


class _Model(Struct, frozen=True):
    price: _Price | None = None


class _Provider(Struct, frozen=True):
    """The part that has another form now. All else is read as it is today."""

    models: tuple[_Model, ...]


def read_provider_of_format_1(body: bytes) -> Provider:
    """Return the provider that a body of format 1 holds; raise msgspec.MsgspecError where it holds none."""
    prices = [_price(model.price) for model in msgspec.json.decode(body, type=_Provider).models]
    content: dict[str, Any] = msgspec.json.decode(body)
    bare = [{**model, "price": None} for model in content["models"]]
    provider = msgspec.convert({**content, "models": bare}, Provider)
    models = (msgspec.structs.replace(model, price=price) for model, price in zip(provider.models, prices, strict=True))
    return msgspec.structs.replace(provider, models=tuple(models))


def _price(given: _Price | None) -> Price | None:
    if given is None:
        return None
    rates = Rates(
        input=_nano(given.input),
        cached_input=_nano(given.cached_input),
        cache_write=_nano(given.cache_write),
        output=_nano(given.output),
    )
    return Price(currency=given.currency, rates=rates)


def _nano(amount: Decimal | None) -> int | None:
    if amount is None:
        return None
    if not amount.is_finite():
        raise msgspec.ValidationError(f"{amount} is no price")
    return int(amount * NANO)
