"""What the API server was asked to do and by whom, read from its audit log."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})


@dataclass(frozen=True, slots=True)
class Request:
    """One request that the API server has answered."""

    user: str
    verb: str
    resource: str
    """Plural name, with the subresource after a slash, such as `pods/status`."""
    namespace: str
    name: str
    code: int
    received: str
    at: str
    """When it came and was answered, as RFC 3339 to the microsecond. What it changed may be seen before the latter."""
    agent: str

    @property
    def writes(self) -> bool:
        """Whether it asked for a change; a dry run counts too."""
        return self.verb in WRITES


class Audit:
    """Reads the audit log from a mark on: `audit.mark()`, act, `audit.requests(...)`."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._offset = 0

    def mark(self) -> None:
        """Forget everything up to now."""
        self._offset = self._log.stat().st_size if self._log.exists() else 0

    def requests(
        self,
        *,
        user: str | None = None,
        resource: str | None = None,
        namespace: str | None = None,
        verbs: Iterable[str] | None = None,
    ) -> list[Request]:
        """Return the requests since the mark that fit all the filters given."""
        wanted = None if verbs is None else frozenset(verbs)
        with self._log.open("rb") as file:
            file.seek(self._offset)
            # A line that is being written has no end yet; it belongs to the next reading.
            lines = [line for line in file.read().splitlines(keepends=True) if line.endswith(b"\n")]
        found = (_request(json.loads(line)) for line in lines)
        return [
            each
            for each in found
            if user in (None, each.user)
            and resource in (None, each.resource)
            and namespace in (None, each.namespace)
            and (wanted is None or each.verb in wanted)
        ]

    def writes(
        self, *, user: str | None = None, resource: str | None = None, namespace: str | None = None
    ) -> list[Request]:
        """Return the requests since the mark that asked for a change."""
        return self.requests(user=user, resource=resource, namespace=namespace, verbs=WRITES)


def _request(event: dict[str, Any]) -> Request:
    about = event.get("objectRef", {})
    parts = [about.get("resource", event.get("requestURI", "")), about.get("subresource", "")]
    return Request(
        user=event.get("impersonatedUser", event["user"]).get("username", ""),
        verb=event["verb"],
        resource="/".join(part for part in parts if part),
        namespace=about.get("namespace", ""),
        name=about.get("name", ""),
        code=event.get("responseStatus", {}).get("code", 0),
        received=event["requestReceivedTimestamp"],
        at=event["stageTimestamp"],
        agent=event.get("userAgent", ""),
    )
