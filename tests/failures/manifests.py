"""What the matrix runs on: for every failure and dialect a provider that fails so, and a rule for each cell."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from failures.table import FAILURES, Failure

ALONE, BACKED, ALLOWING = "alone", "backed", "allowing"
"""No other target; a healthy one behind it; and one behind it in a rule that allows every fallback there is."""

CALLERS = {
    "chat": "openai-chat",
    "responses": "openai-responses",
    "messages": "anthropic-messages",
    "gemini": "gemini",
}
"""Each SDK, with the dialect that it speaks."""

BACKUP_TEXT = "from the backup"
COOLDOWN_SECONDS = 300.0
IN_TIME = {"perTry": "20s", "firstToken": "20s", "idle": "20s", "total": "25s"}
SOON = {"perTry": "3s", "firstToken": "2s", "idle": "2s", "total": "20s"}
"""For what only a deadline can see."""

_BACKUP_OF = {
    "openai-chat": "openai-chat",
    "openai-responses": "anthropic-messages",
    "anthropic-messages": "gemini",
    "gemini": "bedrock-converse",
    "bedrock-converse": "openai-responses",
}
"""Of the same dialect once, else of another, so that each of them is asked in the end."""

_CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
_SERVED: dict[str, dict[str, Any]] = {
    "openai-chat": {"type": "OpenAICompatible", "path": "/v1"},
    "openai-responses": {"type": "OpenAICompatible", "path": "/v1", "model": {"operations": ["responses"]}},
    "anthropic-messages": {"type": "Anthropic", "path": "/v1"},
    "gemini": {"type": "Gemini", "path": "/v1beta"},
    "bedrock-converse": {
        "type": "Bedrock",
        "path": "",
        "model": {"upstreamName": _CLAUDE},
        "more": {"bedrock": {"region": "us-east-1"}},
    },
    "Azure": {"type": "AzureOpenAI", "path": "", "more": {"azure": {"apiVersion": "2024-10-21"}}},
    "Vertex AI": {
        "type": "VertexAI",
        "path": "/v1",
        "model": {"upstreamName": "gemini-2.5-flash"},
        "more": {"vertex": {"project": "p", "location": "us-central1"}},
    },
}
"""How a provider of a dialect is described; of Azure and Vertex AI, by their vendor."""


@dataclass(frozen=True)
class Cell:
    """One call: of this SDK, in this mode, to a provider of this dialect that fails so."""

    failure: Failure
    dialect: str
    caller: str
    arrangement: str
    mode: str

    @property
    def place(self) -> str:
        """The name of its provider, and of its policy."""
        return place_of(self.failure, self.dialect)

    @property
    def rule(self) -> str:
        """The name of its rule, and of the provider's model that it alone asks, but for the other mode."""
        return f"{self.caller}-{self.arrangement}"

    @property
    def virtual_model(self) -> str:
        return f"{self.place}.{self.rule}"

    @property
    def speaks_alike(self) -> bool:
        return CALLERS[self.caller] == self.dialect

    @property
    def failure_class(self) -> str:
        return self.failure.class_in(self.dialect, self.mode) or ""

    def __str__(self) -> str:
        return f"{self.virtual_model} {self.mode}"


def place_of(failure: Failure, dialect: str) -> str:
    return (
        f"{failure.name}-at-{dialect.partition('-')[2] if dialect.startswith('openai') else dialect.partition('-')[0]}"
    )


def cells_of(failure: Failure) -> Iterator[Cell]:
    """Alone, all four SDKs ask; else that of the same dialect, where there is one, and one of another."""
    number = [each.name for each in FAILURES].index(failure.name)
    for dialect in failure.dialects:
        alike = [caller for caller, spoken in CALLERS.items() if spoken == dialect]
        others = [caller for caller in CALLERS if caller not in alike]
        some = [*alike, others[number % len(others)]]
        for mode in ("plain", "stream"):
            found = failure.class_in(dialect, mode)
            if found is None:
                continue
            wanted = {ALONE: list(CALLERS), BACKED: some}
            if failure.after or found == "ContentFiltered":
                wanted[ALLOWING] = some
            for arrangement, callers in wanted.items():
                yield from (Cell(failure, dialect, caller, arrangement, mode) for caller in callers)


def manifests(scripted: str, hosts: Mapping[str, str], failures: Iterable[Failure]) -> Iterator[dict[str, Any]]:
    """Yield every object. `scripted`: where the scripted provider stands; `hosts`: where those that are not reached."""
    keys = {"backup": key_of("backup")}
    for dialect in _BACKUP_OF:
        yield _provider(f"backup-{dialect}", dialect, scripted, "backup", ["m"])
    for failure in failures:
        by_dialect: dict[str, list[Cell]] = {}
        for cell in cells_of(failure):
            by_dialect.setdefault(cell.dialect, []).append(cell)
        for dialect, cells in by_dialect.items():
            place = place_of(failure, dialect)
            keys[place] = key_of(place)
            served = failure.theme if failure.theme in _SERVED else dialect
            host = hosts[failure.host] if failure.host else scripted
            rules = {cell.rule: cell for cell in cells}
            yield _provider(place, served, host, place, list(rules))
            yield _policy(place, list(rules.values()))
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": _named("keys"), "stringData": keys}
    yield secret


def script() -> dict[str, Any]:
    """Return what the scripted provider does with the key of each place."""
    behaviours: dict[str, Any] = {key_of("backup"): {"text": BACKUP_TEXT}}
    for failure in FAILURES:
        if failure.behaviour:
            for dialect in failure.dialects:
                behaviours[key_of(place_of(failure, dialect))] = dict(failure.behaviour)
    return {"keys": behaviours}


def key_of(place: str) -> str:
    return f"sk-{place}"


def _named(name: str) -> dict[str, str]:
    return {"name": name, "namespace": "default"}


def _object(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "fairlead.dev/v1alpha1", "kind": kind, "metadata": _named(name), "spec": spec}


def _provider(name: str, served: str, host: str, key: str, models: list[str]) -> dict[str, Any]:
    """One failure rests a model of it, for long: nobody asks it twice in the same mode."""
    form = _SERVED[served]
    passive = {"consecutive": 1, "baseCooldown": f"{COOLDOWN_SECONDS:.0f}s", "maxCooldown": "15m"}
    spec = {
        "type": form["type"],
        "endpoint": {"url": host + form["path"]},
        "credentials": [{"name": "main", "secretRef": {"name": "keys", "key": key}}],
        "models": [{"name": model, "upstreamName": "m", **form.get("model", {})} for model in models],
        "health": {"passive": passive, "active": {"mode": "None"}},
        **form.get("more", {}),
    }
    return _object("ModelProvider", name, spec)


def _policy(place: str, cells: list[Cell]) -> dict[str, Any]:
    spec = {
        "gatewayRef": {"name": "main"},
        "models": [cell.virtual_model for cell in cells],
        "rules": [_rule(cell) for cell in cells],
    }
    return _object("RoutePolicy", place, spec)


def _rule(cell: Cell) -> dict[str, Any]:
    targets: list[dict[str, Any]] = [{"provider": {"name": cell.place}, "model": cell.rule, "priority": 0}]
    if cell.arrangement != ALONE:
        backup = {"name": f"backup-{_BACKUP_OF[cell.dialect]}"}
        targets.append({"provider": backup, "model": "m", "priority": 1})
    resilience: dict[str, Any] = {"timeouts": SOON if cell.failure.slow else IN_TIME}
    if cell.arrangement == ALLOWING:
        resilience["fallback"] = {"contentFilter": "Fallback", "midStream": "Continue"}
    return {
        "name": cell.rule,
        "match": [{"models": [cell.virtual_model]}],
        "route": {"targets": targets},
        "resilience": resilience,
    }
