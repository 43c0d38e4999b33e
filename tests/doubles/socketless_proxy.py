"""A whole proxy in one process but for its sockets: a test says what arrives from callers and providers, and when."""

import asyncio
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import cast

from doubles.mounted_config import CALLER_KEY, PlainDirectory, caller, fragments_of, gateway, key_ring
from doubles.virtual_time import EPOCH
from prometheus_client import CollectorRegistry

from fairlead_proxy.config_source import ConfigSource, Loaded
from fairlead_proxy.contract.config import (
    Credential,
    Egress,
    Match,
    Model,
    PassiveHealth,
    Policy,
    Provider,
    Rule,
    Target,
)
from fairlead_proxy.contract.names import Operation, ProviderType
from fairlead_proxy.contract.price import NANO, Price, Rates
from fairlead_proxy.exchange.errors import Answer
from fairlead_proxy.gateway import Gateway
from fairlead_proxy.gear import Gear
from fairlead_proxy.governance.identity import Identity
from fairlead_proxy.health.observer import HealthObserver
from fairlead_proxy.resilience.breaker import Breakers
from fairlead_proxy.server.client_server import ClientServer
from fairlead_proxy.server.limits import Limits
from fairlead_proxy.server.serving import Serving
from fairlead_proxy.server.tenant import Tenant
from fairlead_proxy.telemetry.access_log import LINE_FORMATS, AccessLog
from fairlead_proxy.telemetry.booking import Booking
from fairlead_proxy.telemetry.decisions import DecisionRing
from fairlead_proxy.telemetry.journal import Journal
from fairlead_proxy.telemetry.metrics import Metrics
from fairlead_proxy.upstream.signing.signers import Signers
from fairlead_proxy.upstream.transports import Transports

ADDRESSES = {"a": "10.0.0.1", "b": "10.0.0.2"}
"""The providers in the order in which they are tried."""

RING_SIZE = 8
"""Full after a few calls, as that of a process is after ten thousand."""

_TURNS = 100
"""Of the loop: within so many a connection is made, if it is made at all."""

_NEVER_OPENS = PassiveHealth(consecutive=1_000_000, min_requests=1_000_000)


class SocketlessLoop(asyncio.SelectorEventLoop):
    """Its time stands until a test moves it, and whatever it connects to is a Peer."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.peers: dict[str, Peer] = {}
        self._asked: dict[socket.socket, str] = {}
        super().__init__()

    def time(self) -> float:
        return self.now

    async def sock_connect(self, sock: socket.socket, address: object) -> None:
        assert isinstance(address, tuple)
        self._asked[sock] = address[0]

    async def create_connection(  # type: ignore[override]  # of its many forms the one that pools use
        self, protocol_factory: Callable[[], asyncio.Protocol], *, sock: socket.socket, **_: object
    ) -> tuple[asyncio.Transport, asyncio.Protocol]:
        sock.close()
        protocol = protocol_factory()
        peer = self.peers[self._asked.pop(sock)] = Peer(protocol)
        return peer, protocol


class Peer(asyncio.Transport):
    """The far end of a connection, which takes at once whatever is written. `when_written` is told of each write."""

    def __init__(self, protocol: asyncio.BaseProtocol) -> None:
        super().__init__()
        self.written = bytearray()
        self.when_written: Callable[[], None] = _nothing
        self._protocol = cast(asyncio.Protocol, protocol)
        self._protocol.connection_made(self)

    def send(self, data: bytes) -> None:
        """Let bytes arrive in one read."""
        self._protocol.data_received(data)

    def take(self) -> bytes:
        """Return what was written since this was last asked."""
        written = bytes(self.written)
        self.written.clear()
        return written

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data
        self.when_written()

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing is ever unsent."""

    def is_closing(self) -> bool:
        return False

    def abort(self) -> None:
        """For a provider's connection that has been idle for too long."""


class Forgetful:
    """A spool that keeps nothing. See telemetry.booking.Records."""

    def __init__(self) -> None:
        self.counters = memoryview(bytearray(24)).cast("Q")

    def append(self, kinds: Sequence[str], entries: Sequence[str], *, renew: bool) -> bool:
        return True

    def drop(self, records: int, why: str) -> None:
        raise AssertionError(why)


class SocketlessProxy:
    """Wired as `server.process.Proxy` wires one; to be made within a SocketlessLoop, and ready after `start`."""

    def __init__(self, directory: Path, loop: SocketlessLoop) -> None:
        self.loop = loop
        self.journal = Journal()
        self.when_logged: Callable[[], None] = _nothing
        self.lines = 0
        breakers = Breakers(Random(1), catch_up=self.journal.catch_up)
        health = HealthObserver(breakers, catch_up=self.journal.catch_up)
        metrics = Metrics(CollectorRegistry(), self.journal.catch_up)
        log = AccessLog(self._log, LINE_FORMATS["json"]())
        booking = Booking(Forgetful(), "proxy-1", lambda: "team-a/gateway")
        self.journal.hand_to(breakers.after_calls, health.record_calls, metrics.count, log.tell, booking.book)
        self._directory = PlainDirectory(directory)
        self._source = ConfigSource(directory, on_swap=self._swapped, on_refused=lambda refused: None)
        transports = Transports(self._egress)
        gear = Gear(
            transports=transports,
            signers=Signers(transports.network, self._unix),
            breakers=breakers,
            health=health,
            metrics=metrics,
            decisions=DecisionRing(RING_SIZE),
            journal=self.journal,
            unix=self._unix,
            rng=Random(2),
            booking=booking,
        )
        self._gateway = Gateway(gear)
        serving, limits = Serving(), Limits()
        tenant = Tenant(
            self._source,
            self._gateway,
            serving,
            limits,
            open_standalone=False,
            clock=self._unix,
            record_refusal=self._refused,
        )
        self.client = Peer(ClientServer(tenant, limits, serving).protocol())

    async def start(self) -> None:
        """Load the configuration."""
        providers = [_provider(name, address) for name, address in ADDRESSES.items()]
        targets = tuple(
            Target(provider=provider.id, model="m", priority=place) for place, provider in enumerate(providers)
        )
        rule = Rule(name="all", match=(Match(models=("smart",)),), targets=targets)
        policy = Policy(id="team-a/chat", models=("smart",), rules=(rule,))
        guarded = gateway(api_keys=True, egress=Egress(deny_private_ranges=False))
        self._directory.publish(fragments_of(guarded, *providers, policy))
        credentials = {f"{provider.id}/main": f"sk-{provider.id}" for provider in providers}
        self._directory.publish_keys(key_ring(caller(CALLER_KEY), **credentials))
        await self._source.refresh()

    async def connected(self, name: str) -> Peer:
        """Return the far end of the connection to a provider, once a call has made it and is sent."""
        for _ in range(_TURNS):
            if ADDRESSES[name] in self.loop.peers and self.peer(name).written:
                break
            await asyncio.sleep(0)
        return self.peer(name)

    def peer(self, name: str) -> Peer:
        """Return the far end of the connection to a provider, which stands already."""
        return self.loop.peers[ADDRESSES[name]]

    def clear(self) -> None:
        """Forget what was written to providers."""
        for peer in self.loop.peers.values():
            peer.written.clear()

    @contextmanager
    def telling_of_writes(self, tell: Callable[[], None]) -> Iterator[None]:
        """Call this whenever something was written to the caller or to the log."""
        self.client.when_written = self.when_logged = tell
        try:
            yield
        finally:
            self.client.when_written = self.when_logged = _nothing

    async def pass_time(self, seconds: float) -> None:
        """Let so much time pass, and what is due by then be done."""
        self.loop.now += seconds
        for _ in range(3):
            await asyncio.sleep(0)

    def _log(self, lines: bytes, count: int) -> None:
        self.lines += count
        self.when_logged()

    def _unix(self) -> float:
        return EPOCH + self.loop.now

    def _swapped(self, loaded: Loaded) -> None:
        self._gateway.adopt(loaded.config, loaded.keys)

    def _egress(self) -> Egress:
        loaded = self._source.current()
        return loaded.config.gateway.egress if loaded else Egress()

    def _refused(
        self,
        call: str,
        request_id: str,
        operation: Operation,
        identity: Identity | None,
        loaded: Loaded | None,
        answer: Answer,
    ) -> None:
        raise AssertionError(f"a call was refused: {answer.message}")


def _nothing() -> None:
    """Nobody is to be told."""


def _provider(name: str, address: str) -> Provider:
    return Provider(
        id=f"team-a/{name}",
        type=ProviderType.OPENAI_COMPATIBLE,
        url=f"http://{address}/v1",
        credentials=(Credential(name="main"),),
        models=(
            Model(name="m", upstream_name="m-upstream", price=Price(rates=Rates(input=1 * NANO, output=10 * NANO))),
        ),
        passive=_NEVER_OPENS,
    )
