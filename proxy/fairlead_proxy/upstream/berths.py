"""What of a step is the same for every call: the lane its requests take, and the lines that name who answered."""

from typing import Protocol

from fairlead_proxy.contract.cell import Cell
from fairlead_proxy.contract.config import ANONYMOUS, Provider, Rule
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
    a simulated one. `made_by`: stands for the configuration and the keys that it holds.
    """

    __slots__ = ("cell", "lane", "lines", "made_by", "mode", "refusal", "step", "target", "transport", "upstream_model")

    def __init__(
        self,
        made_by: object,
        step: Step,
        cell: Cell,
        lines: bytes,
        lane: Lane | None,
        refusal: UpstreamFailure | None,
        transport: Transport,
    ) -> None:
        self.made_by = made_by
        self.step = step
        self.mode = cell.mode
        self.cell = cell
        self.lines = lines
        self.lane = lane
        self.refusal = refusal
        self.transport = transport
        self.target = (step.provider.id, step.model.name)
        self.upstream_model = step.model.upstream_name


class Berths:
    """The berths of one configuration and one key ring, each made when it is first needed.

    Those that say the same share their lane and their lines: of a thousand policies, each called now and then, these
    are what is large.
    """

    def __init__(self, keys: KeyRing, transports: TransportChoice) -> None:
        self.keys = keys
        self._transports = transports
        self._mark = object()  # not this itself: a step that is never called again would keep every key
        self._lanes: dict[tuple[int, str, Mode, float], Lane] = {}
        self._cells: dict[Cell, Cell] = {}
        self._lines: dict[bytes, bytes] = {}

    def of(self, step: Step, mode: Mode, rule: Rule, dialect: Dialect) -> Berth:
        """Return the berth of a step of this rule."""
        shelf, streams = step.shelf, mode is Mode.STREAM
        berth = shelf.stream_berth if streams else shelf.plain_berth
        if isinstance(berth, Berth) and berth.made_by is self._mark:
            return berth
        made = self._make(step, mode, rule, dialect)
        if streams:
            shelf.stream_berth = made
        else:
            shelf.plain_berth = made
        return made

    def _make(self, step: Step, mode: Mode, rule: Rule, dialect: Dialect) -> Berth:
        cell, lines = step.cell(mode), _lines_of(step, rule)
        lane = self._lane(step, mode, rule, dialect)
        return Berth(
            self._mark,
            step,
            self._cells.setdefault(cell, cell),
            self._lines.setdefault(lines, lines),
            lane if isinstance(lane, Lane) else None,
            lane if isinstance(lane, UpstreamFailure) else None,
            self._transports.for_provider(step.provider),
        )

    def _lane(self, step: Step, mode: Mode, rule: Rule, dialect: Dialect) -> Lane | UpstreamFailure:
        """Return the lane that such calls take, or why none can."""
        patience = min(MAX_CONNECT_SECONDS, rule.resilience.timeouts.per_try_seconds)
        credentials = self.keys.credentials
        sort = (id(step.provider), step.key_name, mode, patience)  # its lane holds the provider
        lane = self._lanes.get(sort)
        if lane is None:
            try:
                # A step is planned only where its key is there, by this very ring.
                key = credentials[step.key_name] if step.credential.name != ANONYMOUS.name else ""
                headers = dialect.upstream_headers(step.provider.type, key, mode=mode)
            except UpstreamFailure as refusal:
                return refusal
            lane = self._lanes[sort] = Lane(step.provider, "POST", dialect.path, headers, patience)
        return lane


def _lines_of(step: Step, rule: Rule) -> bytes:
    headers = [
        ("x-fairlead-rule", rule.name),
        ("x-fairlead-provider", step.provider.id),
        ("x-fairlead-model", step.model.name),
    ]
    if step.provider.type is ProviderType.SIMULATED:
        headers.append(("x-fairlead-simulated", "true"))
    return encode_lines(headers)
