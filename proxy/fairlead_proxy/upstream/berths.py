"""What of a step is the same for every call: the lane its requests take, and the lines that name who answered."""

from typing import Protocol

from fairlead_proxy.contract.cell import Cell
from fairlead_proxy.contract.config import Provider, Rule
from fairlead_proxy.contract.keys import KeyRing
from fairlead_proxy.contract.linked import Step
from fairlead_proxy.contract.names import Mode, ProviderType
from fairlead_proxy.dialects.dialect import Dialect
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.exchange.header_lines import encode_lines
from fairlead_proxy.upstream.transport import Lane, Transport

MAX_CONNECT_SECONDS = 10.0
"""DNS, connect and TLS together. A default; a shorter `perTry` shortens it."""


class TransportChoice(Protocol):
    """Which transport serves a provider."""

    def for_provider(self, provider: Provider) -> Transport: ...


class Berth:
    """A step in one mode, made ready. `lane` is None where its key cannot be sent: `refusal` says why.

    `target`: ids of provider and model. `lines` are encoded headers: rule, provider, model, and whether the answer is
    a simulated one.
    """

    __slots__ = ("cell", "lane", "lines", "mode", "refusal", "step", "target", "transport", "upstream_model")

    def __init__(self, step: Step, mode: Mode, rule: Rule, key: str, dialect: Dialect, transport: Transport) -> None:
        provider = step.provider
        self.transport = transport
        self.step = step
        self.target = (provider.id, step.model.name)
        self.upstream_model = step.model.upstream_name
        self.mode = mode
        self.cell: Cell = step.cell(mode)
        self.lines = _lines_of(step, rule)
        self.lane: Lane | None = None
        self.refusal: UpstreamFailure | None = None
        try:
            headers = dialect.upstream_headers(provider.type, key, mode=mode)
        except UpstreamFailure as refusal:
            self.refusal = refusal
        else:
            patience = min(MAX_CONNECT_SECONDS, rule.resilience.timeouts.per_try_seconds)
            self.lane = Lane(provider, "POST", dialect.path, headers, patience)


class Berths:
    """The berths of one configuration and one key ring, each made when it is first needed."""

    def __init__(self, keys: KeyRing, transports: TransportChoice) -> None:
        self.keys = keys
        self._transports = transports
        # By the step's identity: a berth holds its step, so no other can take its place.
        self._plain: dict[int, Berth] = {}
        self._streams: dict[int, Berth] = {}

    def of(self, step: Step, mode: Mode, rule: Rule, dialect: Dialect) -> Berth:
        """Return the berth of a step of this rule."""
        berths = self._streams if mode is Mode.STREAM else self._plain
        berth = berths.get(id(step))
        if berth is None:
            key = self.keys.credentials.get(step.key_name, "")
            berth = berths[id(step)] = Berth(
                step, mode, rule, key, dialect, self._transports.for_provider(step.provider)
            )
        return berth


def _lines_of(step: Step, rule: Rule) -> bytes:
    headers = [
        ("x-fairlead-rule", rule.name),
        ("x-fairlead-provider", step.provider.id),
        ("x-fairlead-model", step.model.name),
    ]
    if step.provider.type is ProviderType.SIMULATED:
        headers.append(("x-fairlead-simulated", "true"))
    return encode_lines(headers)
