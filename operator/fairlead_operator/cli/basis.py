"""What an explanation is decided by: one gateway's configuration, and why what was written is not in force."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from fairlead_operator.cli.sources import Sources
from fairlead_operator.resources.found import Found
from fairlead_operator.resources.meta import Kind, ObjectRef
from fairlead_operator.verdict import Truth, Verdict
from fairlead_proxy.contract.linked import GatewayConfig


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why a policy is not in force as it is written. `models`: what it offers; None where that cannot be read."""

    policy: ObjectRef
    models: frozenset[str] | None
    message: str

    def concerns(self, namespace: str, model: str) -> bool:
        return self.policy.namespace == namespace and (self.models is None or model in self.models)


@dataclass(frozen=True, slots=True)
class Basis:
    """`namespace`: the caller's. `statuses`: by object, what its status says is not well; of files there is none.

    `ailing`: by id of a provider, what its proxies observe that is not well now. `notes` are told beside the answer.
    """

    namespace: str
    config: GatewayConfig
    doubts: tuple[Doubt, ...]
    statuses: Mapping[ObjectRef, str] = field(default_factory=dict)
    ailing: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def basis_in_files(sources: Sources, namespace: str, gateway: str | None) -> Basis:
    """Return what a gateway of these files would decide by. Raises SourcesRefused."""
    doubts = tuple(doubts_of(sources.compilation.verdicts, sources.objects.found))
    return Basis(namespace, sources.config(gateway), doubts)


def doubts_of(verdicts: Mapping[ObjectRef, Verdict], found: Mapping[ObjectRef, Found[Any]]) -> Iterator[Doubt]:
    """Yield what the compiler has against each policy."""
    for ref, verdict in verdicts.items():
        if ref.kind is not Kind.ROUTE_POLICY:
            continue
        spec = found[ref].spec
        models = None if spec is None else frozenset(spec.models)
        for ruling in (verdict.accepted, verdict.resolved_refs):
            if ruling.truth is Truth.FALSE:
                yield Doubt(ref, models, ruling.message)
