"""One failure of a vendor, as its documents show it."""

import json
from dataclasses import dataclass, field
from typing import Any

JSON = {"content-type": "application/json"}
EVENTS = {"content-type": "text/event-stream"}


@dataclass(frozen=True)
class VendorFailure:
    """`failure_class` is the class of the design that it is of; `mode`: `any`, `plain` or `stream`, the calls that it
    may be the answer to. Either `body` or `frames` (of a stream) is there. `retry_after_seconds`: what the vendor says.
    """

    name: str
    dialect: str
    vendor: str
    failure_class: str
    status: int
    source: str
    headers: dict[str, str] = field(default_factory=lambda: dict(JSON))
    body: bytes = b""
    frames: tuple[bytes, ...] = ()
    mode: str = "any"
    retry_after_seconds: float | None = None

    def __str__(self) -> str:
        return self.name


def written(content: Any) -> bytes:
    return json.dumps(content, indent=2).encode()


def sse(content: Any, event: str = "") -> bytes:
    name = f"event: {event}\n" if event else ""
    return f"{name}data: {json.dumps(content)}\n\n".encode()
