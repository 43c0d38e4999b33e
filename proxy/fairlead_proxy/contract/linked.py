"""A revision linked for serving: what a call would have to look up is found when the revision is loaded."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from fairlead_proxy.contract.cell import Cell
from fairlead_proxy.contract.config import (
    Credential,
    Gateway,
    Match,
    Model,
    Policy,
    Provider,
    Resilience,
    Rule,
    Target,
)
from fairlead_proxy.contract.dialects import TargetSort, foreign_callers, sort_of
from fairlead_proxy.contract.names import DialectName, Mode, Strategy

_STREAM: Final = Mode.STREAM
"""Taken down once, as elsewhere on a call's way: before Python 3.12 an enumeration is slow to look its members up."""


class Shelf:
    """Where those that serve a step put what they have made of it, each in a place of its own.

    With thousands of steps a look-up for each would cost more than all else. Whoever takes something down asks it
    whether it still holds.
    """

    __slots__ = ("booked", "kind", "other_berths", "plain_berth", "stream_berth", "tally")

    def __init__(self) -> None:
        self.booked: object = None
        self.plain_berth: object = None
        self.stream_berth: object = None
        self.other_berths: object = None
        self.kind: object = None
        self.tally: object = None


@dataclass(frozen=True, slots=True)
class Step:
    """One attempt that may be made: a target with the credential to use. Made once, when a revision is loaded."""

    target: Target
    provider: Provider
    model: Model
    credential: Credential
    key_name: str
    plain_cell: Cell
    stream_cell: Cell
    shelf: Shelf = field(default_factory=Shelf, compare=False, repr=False)

    @classmethod
    def of(cls, target: Target, provider: Provider, model: Model, credential: Credential) -> "Step":
        plain, stream = (Cell(provider.id, credential.name, model.name, mode) for mode in (Mode.PLAIN, Mode.STREAM))
        return cls(target, provider, model, credential, f"{provider.id}/{credential.name}", plain, stream)

    def cell(self, mode: Mode) -> Cell:
        """Return the cell that an attempt in this mode asks."""
        return self.stream_cell if mode is _STREAM else self.plain_cell


@dataclass(frozen=True, slots=True)
class LinkedTarget:
    """A target with what it refers to; None where the snapshot does not hold it, or it has no such model.

    `permitted`: the provider's owner lets the policy's namespace use it. `steps`: one for each credential. `sort`: what
    of it decides in which dialect it is spoken to.
    """

    target: Target
    provider: Provider | None
    model: Model | None
    permitted: bool
    steps: tuple[Step, ...]
    sort: TargetSort | None = None


class Remembered:
    """What `decision` remembers of a settled route: its plan, and under which state of the world it was made."""

    __slots__ = ("plan", "under")

    def __init__(self) -> None:
        self.plan: object = None
        self.under: object = None


@dataclass(frozen=True, slots=True)
class Route:
    """A rule as it applies to one virtual model: only the entries that may match it, and its linked targets.

    `windows`: some target states how long a context it takes. `weighs_prompt`: that, or an entry, makes the length of
    the prompt count. `order`: in which the targets are tried where neither weight nor chance has a say in it; empty
    where one has. `settled`: nor in which credential is, so that two calls with the same needs are planned alike.
    """

    policy: Policy
    rule: Rule
    entries: tuple[Match, ...]
    targets: tuple[LinkedTarget, ...]
    windows: bool
    weighs_prompt: bool
    settled: bool
    order: tuple[LinkedTarget, ...]
    resilience: Resilience
    """The rule's; one object for all rules that say the same, so that it is in reach whichever is called."""
    remembered: Remembered = field(default_factory=Remembered, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Offer:
    """A virtual model as a policy offers it: its routes, in the order of their rules.

    `usual`: the route of a call that brings neither a header nor an intent that a rule looks at, unless the length of
    its prompt counts (`weighs_prompt`) or what it asks for does (`weighs_operation`); None where no rule serves it.
    `weighs_needs`: some model states what it is capable of. `foreign`: the callers' dialects that some target is not
    spoken to in, so that it counts what such a call uses.
    """

    routes: tuple[Route, ...]
    weighs_prompt: bool
    weighs_operation: bool
    weighs_needs: bool
    foreign: frozenset[DialectName]
    usual: Route | None

    @classmethod
    def of(cls, routes: tuple[Route, ...]) -> "Offer":
        return cls(
            routes,
            any(route.weighs_prompt for route in routes),
            any(entry.operations for route in routes for entry in route.entries),
            any(linked.model and linked.model.capabilities is not None for route in routes for linked in route.targets),
            foreign_callers(frozenset(linked.sort for route in routes for linked in route.targets if linked.sort)),
            next((route for route in routes if _takes_any(route)), None),
        )


@dataclass(frozen=True, slots=True)
class GatewayConfig:
    """One revision, indexed for serving: `offers[(namespace, virtual model)]` is what callers there may name."""

    revision: str
    gateway: Gateway
    providers: Mapping[str, Provider]
    policies: Mapping[str, Policy]
    offers: Mapping[tuple[str, str], Offer]
    header_names: frozenset[str]
    """Lower-case names of every header that some rule matches on."""

    @classmethod
    def of(
        cls,
        revision: str,
        gateway: Gateway,
        providers: Iterable[Provider],
        policies: Iterable[Policy],
        previous: "GatewayConfig | None" = None,
    ) -> "GatewayConfig":
        """Link these objects; see Linking."""
        linking = Linking(revision, gateway, providers, previous)
        for policy in policies:
            linking.add(policy)
        return linking.config()

    def virtual_models(self, namespace: str) -> tuple[str, ...]:
        """Return the virtual models that callers of this namespace may name, sorted."""
        return tuple(sorted(name for owner, name in self.offers if owner == namespace))


class Linking:
    """A configuration in the making, one policy at a time: with thousands of them others get their turn in between.

    The routes of a policy that is the very object it was in `previous`, and whose providers are too, are taken from
    there: one edit links one policy, not all.
    """

    def __init__(
        self, revision: str, gateway: Gateway, providers: Iterable[Provider], previous: GatewayConfig | None = None
    ) -> None:
        self._revision = revision
        self._gateway = gateway
        self._providers = {provider.id: provider for provider in providers}
        self._previous = previous
        self._replaced = _replaced(previous.providers, self._providers) if previous else frozenset()
        self._offers: dict[tuple[str, str], Offer] = {}
        self._policies: dict[str, Policy] = {}
        self._header_names: set[str] = set()

    def add(self, policy: Policy) -> None:
        """Link one more policy, if its namespace is admitted."""
        if not self._gateway.admits(policy.namespace):
            return
        self._policies[policy.id] = policy
        previous = self._previous
        known = previous.offers if previous is not None and not _refers_to(policy, self._replaced) else {}
        linked: list[tuple[Rule, tuple[LinkedTarget, ...]]] | None = None
        for name in policy.models:
            found = known.get((policy.namespace, name))
            if found is None or not found.routes or found.routes[0].policy is not policy:
                if linked is None:
                    linked = [(rule, _linked_targets(rule, policy.namespace, self._providers)) for rule in policy.rules]
                found = Offer.of(tuple(_routes_of(policy, linked, name)))
            self._offers[policy.namespace, name] = found
        self._header_names.update(name for rule in policy.rules for entry in rule.match for name in entry.headers)

    def config(self) -> GatewayConfig:
        """Return the configuration with all that was added."""
        names = frozenset(self._header_names)
        return GatewayConfig(self._revision, self._gateway, self._providers, self._policies, self._offers, names)


def _replaced(before: Mapping[str, Provider], now: Mapping[str, Provider]) -> frozenset[str]:
    """Return the ids of the providers that came, went or are another object than before."""
    return frozenset(id for id in before.keys() | now.keys() if before.get(id) is not now.get(id))


def _refers_to(policy: Policy, providers: frozenset[str]) -> bool:
    return bool(providers) and any(target.provider in providers for rule in policy.rules for target in rule.targets)


def _linked_targets(rule: Rule, namespace: str, providers: Mapping[str, Provider]) -> tuple[LinkedTarget, ...]:
    return tuple(_link(target, namespace, providers.get(target.provider)) for target in rule.targets)


def _link(target: Target, namespace: str, provider: Provider | None) -> LinkedTarget:
    if provider is None:
        return LinkedTarget(target, None, None, permitted=False, steps=())
    permitted = provider.consumers.admits(provider.namespace, namespace)
    model = provider.model(target.model)
    if model is None:
        return LinkedTarget(target, provider, None, permitted, steps=())
    steps = tuple(Step.of(target, provider, model, credential) for credential in provider.credentials)
    return LinkedTarget(target, provider, model, permitted, steps, sort_of(provider, model))


def _routes_of(policy: Policy, linked: Iterable[tuple[Rule, tuple[LinkedTarget, ...]]], model: str) -> Iterable[Route]:
    for rule, targets in linked:
        entries = tuple(entry for entry in rule.match if not entry.models or model in entry.models)
        if entries or not rule.match:
            windows = any(linked.model is not None and linked.model.context_window is not None for linked in targets)
            weighs = windows or any(
                entry.prompt_tokens_min is not None or entry.prompt_tokens_max is not None for entry in entries
            )
            order = _settled_order(rule, targets)
            settled = bool(order) and not windows and all(len(linked.steps) < 2 for linked in targets)
            yield Route(policy, rule, entries, targets, windows, weighs, settled, order, _shared(rule.resilience))


def _takes_any(route: Route) -> bool:
    """Say whether a call matches that brings nothing that a rule could look at, whatever it asks for."""
    return not route.entries or any(not (entry.headers or entry.intents) for entry in route.entries)


@lru_cache(maxsize=1024)
def _shared(resilience: Resilience) -> Resilience:
    return resilience


def _settled_order(rule: Rule, targets: tuple[LinkedTarget, ...]) -> tuple[LinkedTarget, ...]:
    priorities = {linked.target.priority for linked in targets}
    if len(targets) > 1 and (rule.strategy is not Strategy.PRIORITY or len(priorities) < len(targets)):
        return ()
    return tuple(sorted(targets, key=lambda linked: linked.target.priority))
