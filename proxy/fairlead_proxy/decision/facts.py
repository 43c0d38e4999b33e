"""What a decision may look at: the facts of one call, and the world as this process sees it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from msgspec import Struct

from fairlead_proxy.contract.config import Step
from fairlead_proxy.contract.names import FailureClass, Mode, Operation

INTENT_HEADER = "x-fairlead-intent"


class CallFacts(Struct, frozen=True, gc=False):
    """One call, without its content. `headers` holds lower-case names; `prompt_tokens` is an estimate, None where no
    rule of the model asks for it.

    `max_tokens`: how long an answer the caller asks for at most; 0 where it does not say.

    `needs` are capabilities that the request uses: tools, vision, jsonSchema, reasoning, audio.
    """

    tenant: str
    model: str
    operation: Operation = Operation.CHAT
    mode: Mode = Mode.PLAIN
    headers: dict[str, str] = {}
    prompt_tokens: int | None = None
    max_tokens: int = 0
    intent: str = ""
    needs: frozenset[str] = frozenset()


class CellState(Struct, frozen=True):
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


@dataclass(frozen=True, slots=True)
class AssumedWorld:
    """A world that is well but for the providers named in `down` (id → why): for explain, tests and drills."""

    down: Mapping[str, FailureClass] = field(default_factory=dict)

    def has_key(self, step: Step) -> bool:
        return True

    def state_of(self, step: Step, mode: Mode) -> CellState:
        reason = self.down.get(step.provider.id)
        return ABLE if reason is None else CellState(able=False, reason=reason)
