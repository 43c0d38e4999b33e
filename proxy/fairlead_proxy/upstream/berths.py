"""What of a step is the same for every call: the lane its requests take, and the lines that name who answered."""

from typing import Final, Protocol

from fairlead_proxy.contract.cell import Cell
from fairlead_proxy.contract.config import ANONYMOUS, Provider, Rule
from fairlead_proxy.contract.dialects import dialect_of_step
from fairlead_proxy.contract.keys import KeyRing
from fairlead_proxy.contract.linked import Step
from fairlead_proxy.contract.names import DialectName, Mode, Operation, ProviderType, WhenBroken
from fairlead_proxy.contract.price import MILLION
from fairlead_proxy.dialects.dialect import CallerDialect, Passage
from fairlead_proxy.dialects.framing import FRAMINGS, call_headers
from fairlead_proxy.dialects.registry import passage_of, sequel_passage
from fairlead_proxy.dialects.telling import Sequel
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.exchange.header_lines import encode_lines
from fairlead_proxy.exchange.usage import Usage
from fairlead_proxy.upstream.signing.signer import Signer
from fairlead_proxy.upstream.transport import Lane, Transport

_STREAM: Final = Mode.STREAM

MAX_CONNECT_SECONDS = 10.0
"""DNS, connect and TLS together. A default; a shorter `perTry` shortens it."""


class TransportChoice(Protocol):
    """Which transport serves a provider."""

    def for_provider(self, provider: Provider) -> Transport: ...


class SignerChoice(Protocol):
    """Who proves calls with a key of a provider, where the key is not simply one of their headers."""

    def of(self, provider: Provider, key: str) -> Signer | None: ...


TOLD_CURRENCY = "USD"

_MILLION: Final = MILLION
_HALF: Final = MILLION // 2


class Berth:
    """A step in one mode, for callers of one dialect, made ready. `lane` is None where its key cannot be sent:
    `refusal` says why.

    `target`: ids of provider and model. `lines` are encoded headers: rule, provider, model, and whether the answer is
    a simulated one. `made_by`: stands for the configuration and the keys that it holds. `dialect`: the target's.
    `follows`: a stream that breaks after content is to be gone on with. `counts`: it is asked for a count of tokens.
    `tells_cost`: its callers are told what a call cost, which is in one currency only, so that they can add it up.
    """

    __slots__ = (
        "_input_rate", "_output_rate", "_price", "caller", "cell", "counts", "dialect", "follows", "lane", "lines",
        "made_by", "mode", "passage", "refusal", "signer", "step", "target", "tells_cost", "translates", "transport",
        "upstream_model",
    )  # fmt: skip

    def __init__(
        self,
        made_by: object,
        step: Step,
        cell: Cell,
        lines: bytes,
        caller: CallerDialect,
        dialect: DialectName,
        lane: Lane | None,
        refusal: UpstreamFailure | None,
        transport: Transport,
        signer: Signer | None,
        *,
        follows: bool,
    ) -> None:
        self.made_by = made_by
        self.step = step
        self.caller = caller
        self.dialect = dialect
        self.counts = caller.operation is Operation.COUNT_TOKENS
        self.translates = caller.name is not dialect
        self.passage: Passage = passage_of(caller, dialect, step.provider.type)
        self.signer = signer
        self.follows = follows
        self.mode = cell.mode
        self.cell = cell
        self.lines = lines
        self.lane = lane
        self.refusal = refusal
        self.transport = transport
        price = self._price = step.model.price
        self.tells_cost = price is not None and price.currency == TOLD_CURRENCY and not self.counts
        self._input_rate: int = -1
        self._output_rate: int = -1
        if price is not None and not price.tiers and price.rates.input is not None and price.rates.output is not None:
            self._input_rate, self._output_rate = price.rates.input, price.rates.output
        self.target = (step.provider.id, step.model.name)
        self.upstream_model = step.model.upstream_name

    def cost_of(self, usage: Usage, *, cached: bool) -> int | None:
        """Return what an attempt here costs, in nano-units; None where a price that is needed is unknown.

        `cached`: of this usage. Without it, and without tiers, there are two rates, which are looked up once.
        """
        rate = self._input_rate
        if rate >= 0 and not cached:
            read, output = usage.input_tokens, usage.output_tokens
            if read >= 0 and output >= 0:
                return (read * rate + output * self._output_rate + _HALF) // _MILLION
        return usage.cost(self._price)

    def sequel_passage(self, sequel: Sequel) -> Passage:
        """Return the way of the rest of an answer that another target began."""
        return sequel_passage(self.caller, self.dialect, self.step.provider.type, sequel)


class Berths:
    """The berths of one configuration and one key ring, each made when it is first needed.

    Those that say the same share their lane and their lines: of a thousand policies, each called now and then, these
    are what is large.
    """

    def __init__(self, keys: KeyRing, transports: TransportChoice, signers: SignerChoice) -> None:
        self.keys = keys
        self._transports = transports
        self._signers = signers
        self._mark = object()  # not this itself: a step that is never called again would keep every key
        self._lanes: dict[tuple[int, str, str, Mode, float], Lane] = {}
        self._cells: dict[Cell, Cell] = {}
        self._lines: dict[bytes, bytes] = {}

    def of(self, step: Step, mode: Mode, rule: Rule, caller: CallerDialect) -> Berth:
        """Return the berth of a step of this rule, for a call that came in this dialect."""
        shelf, streams = step.shelf, mode is _STREAM
        berth = shelf.stream_berth if streams else shelf.plain_berth
        if isinstance(berth, Berth) and berth.made_by is self._mark:
            if berth.caller is caller:
                return berth
            return self._other(step, mode, rule, caller)
        made = self._make(step, mode, rule, caller)
        if streams:
            shelf.stream_berth = made
        else:
            shelf.plain_berth = made
        return made

    def _other(self, step: Step, mode: Mode, rule: Rule, caller: CallerDialect) -> Berth:
        """Return the berth for callers of another dialect than those who came first."""
        others = step.shelf.other_berths
        if not isinstance(others, dict):
            others = step.shelf.other_berths = {}
        key = (caller.name, caller.operation, mode)
        berth = others.get(key)
        if not isinstance(berth, Berth) or berth.made_by is not self._mark:
            berth = others[key] = self._make(step, mode, rule, caller)
        return berth

    def _make(self, step: Step, mode: Mode, rule: Rule, caller: CallerDialect) -> Berth:
        cell, lines, provider = step.cell(mode), _lines_of(step, rule), step.provider
        # A step is planned only where its target serves the operation, and its key is there, by this very ring.
        dialect = dialect_of_step(provider, step.model, caller.name, caller.operation)
        key = self.keys.credentials[step.key_name] if step.credential.name != ANONYMOUS.name else ""
        signer = self._signers.of(provider, key)
        counts = caller.operation is Operation.COUNT_TOKENS
        path = FRAMINGS[provider.type].path(provider, dialect, step.model.upstream_name, mode, counts=counts)
        lane: Lane | None = None
        refusal: UpstreamFailure | None = None
        try:
            lane = self._lane(step, mode, rule, path, dialect, "" if signer is not None else key)
        except UpstreamFailure as failure:
            refusal = failure
        return Berth(
            self._mark,
            step,
            self._cells.setdefault(cell, cell),
            self._lines.setdefault(lines, lines),
            caller,
            dialect,
            lane,
            refusal,
            self._transports.for_provider(provider),
            signer,
            follows=rule.resilience.broken is WhenBroken.CONTINUE,
        )

    def _lane(self, step: Step, mode: Mode, rule: Rule, path: str, dialect: DialectName, key: str) -> Lane:
        """Return the lane that such calls take; raise CredentialRejected where no header can carry the key."""
        patience = min(MAX_CONNECT_SECONDS, rule.resilience.timeouts.per_try_seconds)
        sort = (id(step.provider), step.key_name, path, mode, patience)  # its lane holds the provider
        lane = self._lanes.get(sort)
        if lane is None:
            headers = call_headers(step.provider.type, dialect, key, mode)
            lane = self._lanes[sort] = Lane(step.provider, "POST", path, headers, patience)
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
