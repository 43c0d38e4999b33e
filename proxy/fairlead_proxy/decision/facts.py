"""What a decision may look at: the facts of one call, and the world as this process sees it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from fairlead_proxy.contract.linked import Step
from fairlead_proxy.contract.names import DialectName, FailureClass, Mode, Operation

INTENT_HEADER = "x-fairlead-intent"

_NO_HEADERS: Mapping[str, str] = {}
_NO_NEEDS: frozenset[str] = frozenset()


class CallFacts:
    """One call, without its content; never changed. `headers` holds lower-case names.

    `prompt_tokens` is an estimate, None where no rule of the model asks for it.

    `max_tokens`: how long an answer the caller asks for at most; 0 where it does not say.

    `needs` are capabilities that the request uses: tools, vision, jsonSchema, reasoning, audio; empty where no target
    of the model makes a claim. `dialect` is the caller's; `features` is what a target of another dialect must have
    words for, empty where there is none.
    """

    __slots__ = (
        "dialect", "features", "headers", "intent", "max_tokens", "mode", "model", "needs", "operation",
        "prompt_tokens", "tenant",
    )  # fmt: skip

    def __init__(
        self,
        tenant: str,
        model: str,
        operation: Operation = Operation.CHAT,
        mode: Mode = Mode.PLAIN,
        headers: Mapping[str, str] = _NO_HEADERS,
        prompt_tokens: int | None = None,
        max_tokens: int = 0,
        intent: str = "",
        needs: frozenset[str] = _NO_NEEDS,
        dialect: DialectName = DialectName.OPENAI_CHAT,
        features: frozenset[str] = _NO_NEEDS,
    ) -> None:
        self.tenant = tenant
        self.model = model
        self.operation = operation
        self.mode = mode
        self.headers = headers
        self.prompt_tokens = prompt_tokens
        self.max_tokens = max_tokens
        self.intent = intent
        self.needs = needs
        self.dialect = dialect
        self.features = features


@dataclass(frozen=True, slots=True)
class CellState:
    """Whether a credential × model × mode may be asked now. `until`: Unix seconds of the soonest next try."""

    able: bool
    reason: FailureClass | None = None
    until: float | None = None


ABLE = CellState(able=True)


class World(Protocol):
    """The state of providers, as breakers, probes or a what-if know it."""

    def has_key(self, step: Step) -> bool:
        """Say whether the key ring holds the step's credential."""
        ...

    def state_of(self, step: Step, mode: Mode) -> CellState: ...

    def settled(self, operation: Operation) -> object:
        """Return what stands for all that a settled route's plan depends on: as long as it is the same object, the plan
        is the same too. None while the state of some cell has a say in it.
        """
        ...


@dataclass(frozen=True, slots=True)
class AssumedWorld:
    """A world that is well but for the providers named in `down` (id → why): for explain, tests and drills."""

    down: Mapping[str, FailureClass] = field(default_factory=dict)

    def has_key(self, step: Step) -> bool:
        return True

    def settled(self, operation: Operation) -> object:
        return None

    def state_of(self, step: Step, mode: Mode) -> CellState:
        reason = self.down.get(step.provider.id)
        return ABLE if reason is None else CellState(able=False, reason=reason)
