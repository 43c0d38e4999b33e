"""What a decision is: the steps to try in order, and every target with why it is used or skipped."""

from enum import StrEnum

from msgspec import Struct

from fairlead_proxy.contract.config import Policy, Rule, Target
from fairlead_proxy.contract.linked import Route, Step
from fairlead_proxy.contract.names import FailureClass


class SkipReason(StrEnum):
    PROVIDER_MISSING = "ProviderMissing"
    NOT_PERMITTED = "NotPermitted"
    CORDONED = "Cordoned"
    DRAINING = "Draining"
    MODEL_MISSING = "ModelMissing"
    OPERATION_UNSUPPORTED = "OperationUnsupported"
    CAPABILITY_MISSING = "CapabilityMissing"
    CANNOT_EXPRESS = "CannotExpress"
    CONTEXT_TOO_SMALL = "ContextTooSmall"
    NO_KEY = "NoKey"
    COOLING = "Cooling"


class RefusalKind(StrEnum):
    """Why no target is tried; each becomes one answer to the client (design, section 11)."""

    MODEL_NOT_FOUND = "model_not_found"
    NO_RULE = "no_rule"
    CAPABILITY_MISSING = "capability_missing"
    NO_TARGET = "no_target"


class Skip(Struct, frozen=True, gc=False):
    """Why a target, or one credential of it, is not tried, or late. `until`: Unix seconds of the soonest next try."""

    reason: SkipReason
    detail: str = ""
    failure: FailureClass | None = None
    until: float | None = None

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}" if self.detail else str(self.reason)


class Considered(Struct, frozen=True, gc=False):
    """One target of the rule: used unless `skip` says why not. `skipped_credentials` names those passed over.

    `late`: why it comes after the other targets, whatever its priority and its luck.
    """

    target: Target
    skip: Skip | None = None
    skipped_credentials: tuple[tuple[str, Skip], ...] = ()
    late: Skip | None = None


class Refusal(Struct, frozen=True, gc=False):
    kind: RefusalKind
    message: str
    retry_at: float | None = None


class Plan(Struct, frozen=True, gc=False):
    """The answer of `decide`. Without a refusal there is at least one step."""

    route: Route | None
    steps: tuple[Step, ...]
    considered: tuple[Considered, ...]
    refusal: Refusal | None = None

    @property
    def policy(self) -> Policy | None:
        return self.route.policy if self.route else None

    @property
    def rule(self) -> Rule | None:
        return self.route.rule if self.route else None
