"""What the compiler decided about one resource: the input of its status, with nothing observed in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from fairlead_operator.resources.found import Found
from fairlead_operator.resources.meta import ObjectRef


class Truth(StrEnum):
    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Reason(StrEnum):
    """Every reason that the compiler or the status may give; a true condition's reason is its own type."""

    ACCEPTED = "Accepted"
    RESOLVED_REFS = "ResolvedRefs"
    PROGRAMMED = "Programmed"
    READY = "Ready"
    AVAILABLE = "Available"
    REDUNDANT = "Redundant"
    SERVING = "Serving"
    DRAINED = "Drained"
    IN_FLIGHT = "InFlight"
    INVALID = "Invalid"
    CONFLICTED = "Conflicted"
    NOT_ALLOWED = "NotAllowed"
    UNSUPPORTED_VALUE = "UnsupportedValue"
    PROVIDER_NOT_FOUND = "ProviderNotFound"
    GATEWAY_NOT_FOUND = "GatewayNotFound"
    SECRET_NOT_FOUND = "SecretNotFound"  # noqa: S105 (a reason, not a secret)
    SECRET_KEY_MISSING = "SecretKeyMissing"  # noqa: S105
    SECRET_NOT_PERMITTED = "SecretNotPermitted"  # noqa: S105
    PARTIALLY_RESOLVED = "PartiallyResolved"
    PENDING = "Pending"
    PARTIAL = "Partial"
    ROLLED_BACK = "RolledBack"
    WITHDRAWN = "Withdrawn"
    TOO_LARGE = "TooLarge"
    REFUSED = "Refused"
    NO_PROXIES = "NoProxies"
    NO_GATEWAY = "NoGateway"
    NO_TRAFFIC = "NoTraffic"
    STALE = "Stale"
    NO_TARGET = "NoTarget"
    SINGLE_FAILURE_DOMAIN = "SingleFailureDomain"
    INTERNAL_ERROR = "InternalError"


@dataclass(frozen=True, slots=True)
class Ruling:
    """One condition as far as the compiler can tell; a user's mistake is such a value, not an exception.

    `message` names field, value and remedy, and never a secret.
    """

    truth: Truth
    reason: Reason
    message: str = ""


@dataclass(frozen=True, slots=True)
class RuleView:
    """One rule of a policy as it is served: `targets` are the resolved ones, in written form and order of trial.

    `first`: so many of them share the first place (one priority, or all of a weighted rule). `keyless`: those whose
    provider has none of its keys, so that they cannot serve. `withheld`: those whose provider is not published.
    `closed`: those whose provider is in maintenance.
    """

    name: str
    targets: tuple[str, ...]
    first: int = 1
    keyless: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """`fragments` maps each gateway that holds the object to the hash that its proxies must acknowledge.

    `rolled_back_to`: the generation of the last good fragment that is served instead of this one.
    `withdrawn`: nothing of it is served. `redundant` and `rules` are set for policies only.
    `users`: for a provider, the ids of the policies whose rules name it; `sole_target_of`: those with a rule that
    has no other target; `draining`: no new call is sent there, and its owner waits for the last one to end.
    `policies`: for a gateway, how many it serves. `too_large`: the gateways whose snapshot has no room for it.
    """

    ref: ObjectRef
    uid: str
    generation: int
    accepted: Ruling
    resolved_refs: Ruling
    fragments: Mapping[str, str] = field(default_factory=dict)
    rolled_back_to: int | None = None
    withdrawn: bool = False
    redundant: Ruling | None = None
    rules: tuple[RuleView, ...] = ()
    users: tuple[str, ...] = ()
    sole_target_of: tuple[str, ...] = ()
    draining: bool = False
    policies: int = 0
    too_large: tuple[str, ...] = ()

    @property
    def targets(self) -> tuple[str, ...]:
        """Every target of its rules, in written form and in order."""
        if len(self.rules) == 1:
            return self.rules[0].targets
        return tuple(dict.fromkeys(target for rule in self.rules for target in rule.targets))

    @classmethod
    def on(
        cls,
        found: Found[Any],
        accepted: Ruling,
        resolved_refs: Ruling,
        fragments: Mapping[str, str] | None = None,
        *,
        rolled_back_to: int | None = None,
        withdrawn: bool = False,
    ) -> "Verdict":
        """Return what is decided about an object of any kind."""
        return cls(
            ref=found.ref,
            uid=found.uid,
            generation=found.generation,
            accepted=accepted,
            resolved_refs=resolved_refs,
            fragments=fragments or {},
            rolled_back_to=rolled_back_to,
            withdrawn=withdrawn,
        )
