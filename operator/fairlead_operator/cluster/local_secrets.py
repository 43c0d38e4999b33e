"""Secret and Namespace documents of files: labels and values, decoded and with their variables filled in."""

import base64
from collections.abc import Mapping
from typing import Any

from fairlead_operator.cluster.local_variables import VariableUnset, expand


def labels_of(content: Mapping[str, Any]) -> dict[str, str]:
    """Return an object's labels; raise ValueError where they are not text."""
    return _text_map(content["metadata"].get("labels"), "metadata.labels")


def secret_data(content: Mapping[str, Any], environ: Mapping[str, str] | None) -> dict[str, bytes]:
    """Return a Secret's data decoded; `stringData` goes first, and only there variables are filled in.

    Raises ValueError, which quotes no value, or VariableUnset; with `environ` None variables stay as they are.
    """
    data: dict[str, bytes] = {}
    for name, value in _text_map(content.get("data"), "data").items():
        try:
            data[name] = base64.b64decode("".join(value.split()), validate=True)
        except ValueError:
            raise ValueError(f"data.{name}: not base64; encode it, or use stringData") from None
    for name, value in _text_map(content.get("stringData"), "stringData").items():
        try:
            data[name] = (value if environ is None else expand(value, environ)).encode()
        except VariableUnset as unset:
            raise VariableUnset(f"stringData.{name}: {unset}") from None
    return data


def _text_map(values: object, field: str) -> dict[str, str]:
    if values is None:
        return {}
    if not isinstance(values, Mapping):
        raise ValueError(f"{field}: not a map of names to text")
    for name, value in values.items():
        if not isinstance(value, str):
            raise ValueError(f"{field}.{name}: not text; quote it")
    return dict(values)
