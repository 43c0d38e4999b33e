"""The virtual models as Anthropic lists its own."""

from collections.abc import Iterable

import msgspec

_BORN = "1970-01-01T00:00:00Z"
"""A virtual model has no date of birth; the vendor's own word for one that is not known."""


def render_model_list(names: Iterable[str]) -> bytes:
    """Return all of them on one page. Source: https://docs.anthropic.com/en/api/models-list"""
    listed = [_model(name) for name in names]
    return msgspec.json.encode(
        {
            "data": listed,
            "has_more": False,
            "first_id": listed[0]["id"] if listed else None,
            "last_id": listed[-1]["id"] if listed else None,
        }
    )


def render_listed_model(name: str) -> bytes:
    """Source: https://docs.anthropic.com/en/api/models"""
    return msgspec.json.encode(_model(name))


def _model(name: str) -> dict[str, str]:
    return {"type": "model", "id": name, "display_name": name, "created_at": _BORN}
