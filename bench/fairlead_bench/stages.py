"""What each part of a call costs in Fairlead's own code, without sockets: in µs, and against a fixed loop beside it.

Runs by itself, in the interpreter of the targets (see own_cost.py), and prints a table; it needs nothing but the proxy.
What a call spends on a row of its own is measured by calling that part alone; `attempt` is what is left.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

import uvloop
from prometheus_client import CollectorRegistry

from fairlead_proxy.contract.config import Credential, Model, Policy, Provider, Rule, Target
from fairlead_proxy.contract.config import Gateway as GatewayDocument
from fairlead_proxy.contract.keys import CallerKey, KeyRing, fingerprint
from fairlead_proxy.contract.linked import GatewayConfig
from fairlead_proxy.contract.names import Operation, ProviderType
from fairlead_proxy.contract.price import NANO, Price, Rates
from fairlead_proxy.decision.decide import decide
from fairlead_proxy.dialects.registry import OPENAI_CHAT
from fairlead_proxy.exchange.call import ClientCall
from fairlead_proxy.exchange.facts import facts_of
from fairlead_proxy.exchange.record import CallRecord
from fairlead_proxy.gateway import Gateway
from fairlead_proxy.gear import Gear
from fairlead_proxy.governance.identity import identify, index_callers
from fairlead_proxy.health.observer import HealthObserver
from fairlead_proxy.resilience.breaker import Breakers
from fairlead_proxy.telemetry.access_log import LINE_FORMATS, AccessLog
from fairlead_proxy.telemetry.booking import Booking
from fairlead_proxy.telemetry.decisions import DecisionRing
from fairlead_proxy.telemetry.journal import Journal
from fairlead_proxy.telemetry.metrics import Metrics
from fairlead_proxy.upstream.chat_probe import NoOne
from fairlead_proxy.upstream.transport import Headers, Lane, Receiver, Transport

KEY = "sk-bench-client-0123456789abcdef"
TENANT = "team"
DIALECT = OPENAI_CHAT
REPEATS, CALLS, LOOPS = 15, 400, 40
LOOP_STEPS = 1000

PROMPT = [{"role": "user", "content": "Explain in plain words how a load balancer works. " * 6}]
BODY = json.dumps({"model": "smart", "messages": PROMPT, "temperature": 0.7, "max_tokens": 1024}).encode()
STREAM_BODY = json.dumps({"model": "smart", "messages": PROMPT, "stream": True}).encode()
ANSWER_HEAD = (("content-type", "application/json"), ("content-length", "841"))
ANSWER = json.dumps(
    {
        "id": "c-1",
        "object": "chat.completion",
        "model": "mock",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "word " * 140}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 25, "completion_tokens": 150, "total_tokens": 175},
    }
).encode()
TOKEN = (
    b'data: {"id":"c-1","object":"chat.completion.chunk","created":1760000000,"model":"mock","choices":[{"index":0,'
    b'"delta":{"content":"~T1000000000000000 "},"finish_reason":null}]}\n\n'
)
HEADERS = {"authorization": f"Bearer {KEY}", "content-type": "application/json", "accept": "*/*", "host": "a"}


class _Errand:
    """A request whose answer comes at once and whole. See Errand."""

    def pause(self) -> None:
        """There is no more."""

    def resume(self) -> None:
        """There is no more."""

    def release(self) -> None:
        """Nothing to give back."""

    def close(self) -> None:
        """Nothing is open."""


class _Provider:
    """A provider that answers when it is told to. See Transport, TransportChoice and SignerChoice."""

    def __init__(self) -> None:
        self._asked: Receiver | None = None

    def for_provider(self, provider: Provider) -> Transport:
        return self

    def of(self, provider: Provider, key: str) -> None:
        """Its key is simply a header."""

    def send(self, lane: Lane, body: bytes, receiver: Receiver, more: Headers = ()) -> _Errand:
        self._asked = receiver
        return _Errand()

    def answer(self) -> None:
        """Answer as a provider does whose answer comes in one read."""
        receiver, self._asked = self._asked, None
        if receiver is None:
            raise RuntimeError("the measured call has not reached its provider")
        receiver.head(200, ANSWER_HEAD)
        receiver.chunk(ANSWER)
        receiver.end()

    async def close(self) -> None:
        """Nothing is open."""


class _Spooled:
    """A spool that keeps nothing. See telemetry.booking.Records."""

    def __init__(self) -> None:
        self.counters = memoryview(bytearray(24)).cast("Q")

    def append(self, kinds: Sequence[str], entries: Sequence[str], *, renew: bool) -> bool:
        return True

    def drop(self, records: int, why: str) -> None:
        raise AssertionError(why)


class _Client(NoOne):
    """A caller that takes everything at once, and is always there. See Sink."""

    def abort(self) -> None:
        raise AssertionError("the measured call was cut off")

    def when_room(self, call: Callable[[], None]) -> None:
        raise AssertionError("nobody waits for room that is there")


def _config() -> GatewayConfig:
    provider = Provider(
        id=f"{TENANT}/mock",
        type=ProviderType.OPENAI_COMPATIBLE,
        url="https://mock.example/v1",
        credentials=(Credential(name="main"),),
        models=(Model(name="m", upstream_name="mock", price=Price(rates=Rates(input=1 * NANO, output=10 * NANO))),),
    )
    rule = Rule(name="main", targets=(Target(provider=provider.id, model="m"),))
    policy = Policy(id=f"{TENANT}/policy", models=("smart",), rules=(rule,))
    gateway = GatewayDocument(id=f"{TENANT}/gateway", api_keys=True)
    return GatewayConfig.of("r-1", gateway, [provider], [policy])


class _Parts:
    """A gateway whose every part can be called by itself; all of it is what serves."""

    def __init__(self) -> None:
        self.config, self.rng, self.clock = _config(), Random(1), time.time
        caller = CallerKey(sha256=fingerprint(KEY), tenant=TENANT, name=f"{TENANT}/caller")
        self.keys = KeyRing(credentials={f"{TENANT}/mock/main": "sk-upstream"}, callers=(caller,))
        self.callers = index_callers(self.keys)
        self.journal = Journal()
        self.breakers = Breakers(self.rng, catch_up=self.journal.catch_up)
        self.health = HealthObserver(self.breakers, catch_up=self.journal.catch_up)
        self.metrics = Metrics(CollectorRegistry(), self.journal.catch_up)
        self.decisions = DecisionRing(10_000)
        self.lines = 0
        self.last: CallRecord | None = None
        log = AccessLog(self._write, LINE_FORMATS["json"]())
        booking = Booking(_Spooled(), "proxy-1", lambda: self.config.gateway.id)
        self.journal.hand_to(
            self.breakers.after_calls, self.health.record_calls, self.metrics.count, log.tell, booking.book, self._keep
        )
        self.provider = _Provider()
        gear = Gear(
            transports=self.provider,
            signers=self.provider,
            breakers=self.breakers,
            health=self.health,
            metrics=self.metrics,
            decisions=self.decisions,
            journal=self.journal,
            unix=self.clock,
            rng=self.rng,
            booking=booking,
        )
        self.gateway = Gateway(gear)
        self.gateway.adopt(self.config, self.keys)
        self.call = ClientCall("d-0", TENANT, Operation.CHAT, HEADERS, BODY)
        self.asked = DIALECT.read_request(BODY)
        self.relay = DIALECT.open_relay(DIALECT.read_request(STREAM_BODY), include_usage=True, now=0.0)
        self._number = 0

    def _write(self, _: bytes, lines: int) -> None:
        self.lines += lines

    def _keep(self, records: Sequence[CallRecord]) -> None:
        self.last = records[-1]

    def whole(self) -> None:
        self._number += 1
        call = ClientCall(f"d-{self._number}", TENANT, Operation.CHAT, HEADERS, BODY)
        self.gateway.begin(self.config, self.keys, DIALECT, call, _Client())
        self.provider.answer()

    def admit(self) -> None:
        identify(self.callers, self.config.gateway, HEADERS, self.clock(), open_standalone=False)

    def read(self) -> None:
        DIALECT.read_request(BODY)

    def decide(self) -> None:
        facts = facts_of(self.call, self.asked, self.config)
        decide(self.config, facts, self.breakers.world(self.keys, self.clock()), self.rng)

    def feed(self) -> None:
        self.relay.feed(TOKEN)

    def settle(self) -> None:
        if self.last is not None:
            self.decisions.add(self.last)
            self.journal.add(self.last)


@dataclass(frozen=True, slots=True)
class Stage:
    """`micros`: CPU of one; `loops`: the same as a multiple of the fixed loop, measured right beside it."""

    name: str
    micros: float
    loops: float


def fixed_loop() -> int:
    """A piece of interpreter's work that never changes."""
    value = 0
    for step in range(LOOP_STEPS):
        value = (value * 31 + step) & 0xFFFF
    return value


async def measure(repeats: int = REPEATS) -> list[Stage]:
    """Return the stages in the order of a call, and the whole at the end."""
    parts = _Parts()
    parts.whole()
    parts.journal.catch_up()
    if parts.lines != 1 or parts.last is None or parts.last.attempts != 1:
        raise RuntimeError("the measured call was not served as it should be")
    whole = _timed("all of a call, between its two edges", parts.whole, repeats)
    admit = _timed("admit: who is calling", parts.admit, repeats)
    inner = [
        _timed("read: what the request says", parts.read, repeats),
        _timed("decide: which targets, in which order", parts.decide, repeats),
        _timed("settle: breaker, health, metrics, decision record, log line, ledger", parts.settle, repeats),
    ]
    attempt = Stage(
        "attempt: the rest of it",
        whole.micros - sum(stage.micros for stage in inner),
        whole.loops - sum(stage.loops for stage in inner),
    )
    relay = _timed("relay: one streamed token", parts.feed, repeats)
    return [admit, *inner[:2], attempt, relay, inner[2], whole]


def _timed(name: str, run: Callable[[], object], repeats: int) -> Stage:
    pairs = [(_seconds(run, CALLS), _seconds(fixed_loop, LOOPS)) for _ in range(repeats)]
    return _stage(name, pairs)


def _stage(name: str, pairs: list[tuple[float, float]]) -> Stage:
    micros = statistics.median(seconds for seconds, _ in pairs) * 1e6
    return Stage(name, micros, statistics.median(seconds / loop for seconds, loop in pairs))


def _seconds(run: Callable[[], object], times: int) -> float:
    began = time.thread_time()
    for _ in range(times):
        run()
    return (time.thread_time() - began) / times


def table(stages: list[Stage]) -> str:
    """Return the stages in Markdown."""
    lines = ["| stage | µs | fixed loops |", "| --- | --- | --- |"]
    lines += [f"| {stage.name} | {stage.micros:.1f} | {stage.loops:.3f} |" for stage in stages]
    return "\n".join(lines)


def main() -> int:
    sys.stdout.write(table(uvloop.run(measure())) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
