"""One object as it was read, from the API server or from a file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from fairlead_operator.resources.gateway import ModelGatewaySpec
from fairlead_operator.resources.meta import ObjectRef
from fairlead_operator.resources.policy import RoutePolicySpec
from fairlead_operator.resources.provider import ModelProviderSpec

Spec = ModelProviderSpec | RoutePolicySpec | ModelGatewaySpec
S = TypeVar("S", bound=Spec)


@dataclass(frozen=True, slots=True)
class Found(Generic[S]):
    """One object as it was read. `spec` is None where it is invalid, and `problems` says why, one line each.

    `unsupported`: nothing is wrong but values of closed choices that this version does not know, or not yet.
    `created` is its creationTimestamp as RFC 3339 text (it sorts by age); `status` is the last status we know of it.
    """

    ref: ObjectRef
    uid: str
    generation: int
    resource_version: str
    created: str
    spec: S | None
    problems: tuple[str, ...] = ()
    unsupported: bool = False
    status: Mapping[str, Any] = field(default_factory=dict)

    def as_written(self) -> "Found[S]":
        """Return it without what only the server and the operator say of it: equal until somebody edits it."""
        # Not `replace`, which is several times slower: this is asked of every object in every compilation.
        return Found(self.ref, self.uid, self.generation, "", self.created, self.spec, self.problems, self.unsupported)
