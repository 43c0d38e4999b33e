"""What the providers of a billing run charge, no two figures alike, and how its policies differ."""

from decimal import Decimal
from typing import Any

from fairlead_bench.soak.objects import PROVIDERS, ROUTES

LONG = 1000
"""A prompt of more tokens is charged by its tier."""

_REPEATS = {"sameTarget": 1, "budgetPercent": 50, "backoff": {"base": "20ms", "max": "100ms"}}
RESILIENCE: dict[str, dict[str, Any]] = {
    name: {"clientGone": "Drain" if place % 2 else "Cancel"} | ({"retry": _REPEATS} if place % 3 else {})
    for place, name in enumerate(ROUTES)
}
"""By policy: some repeat on the same provider, some hear a provider out whose caller has left."""


def _prices(number: int) -> dict[str, Any]:
    figures = {
        "input": f"{number}.000123",
        "cachedInput": f"0.{number}00077",
        "cacheWrite": f"{number}.250019",
        "cacheWriteLong": f"{2 * number}.000031",
        "output": f"{4 * number}.000457",
    }
    longer = {name: str(2 * Decimal(figure)) for name, figure in figures.items()}
    return {"perMTok": figures, "longContext": [{"above": LONG, "perMTok": longer}]}


PRICES = {name: _prices(number) for number, name in enumerate(PROVIDERS, 1)}
