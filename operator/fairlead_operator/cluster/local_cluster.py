"""A cluster without a cluster: objects from files, proxies as child processes, status as YAML in a directory."""

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from fairlead_operator.cluster.api import ClusterError, Manifest, Snapshot, Written
from fairlead_operator.cluster.local_admin import LocalAdmin
from fairlead_operator.cluster.local_config import read_snapshot, touch, write_keys, write_snapshot
from fairlead_operator.cluster.local_inventory import LocalInventory
from fairlead_operator.cluster.local_listen import Address, AddressRefused, read_address, reserve, share_port
from fairlead_operator.cluster.local_settings import LocalSettings, StartRefused
from fairlead_operator.cluster.local_shipper import LocalShipper, ledger_of
from fairlead_operator.cluster.local_state import StateDirectory, StateRefused
from fairlead_operator.cluster.local_workers import LocalWorkers, Worker
from fairlead_operator.cluster.proxy_reports import Endpoint, ProxyReports
from fairlead_operator.happening import Happening
from fairlead_operator.heard import HeardProxy
from fairlead_operator.inventory import Inventory
from fairlead_operator.resources.ledger import LedgerSpec
from fairlead_operator.resources.ledger_options import spool_options
from fairlead_operator.resources.meta import ObjectRef
from fairlead_proxy.contract.keys import KeyRing
from fairlead_proxy.contract.report import Duties

log = logging.getLogger(__name__)

OBSERVED = ("Healthy", "Available", "Drained")
"""The conditions that nobody wrote, but that proxies tell of."""

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8080
REPORT_SECONDS = 10.0
"""A worker that has not been heard for so long is not ready, as one whose probe fails is not."""


class LocalCluster:
    """Implements `cluster.api.Cluster`. `start` before anything else, `stop` at the end.

    Kubernetes' own objects do not exist here, so nothing is retired, and what is applied is child processes.
    """

    def __init__(
        self, settings: LocalSettings, *, environ: Mapping[str, str], clock: Callable[[], float] = time.time
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._state = StateDirectory(settings.state)
        self._objects = LocalInventory(
            paths=settings.paths, stdin=settings.stdin, state=self._state, environ=environ, clock=clock
        )
        self._changed = asyncio.Event()
        self._ready_changed = asyncio.Event()
        self._workers = LocalWorkers(on_change=self._wake, clock=clock)
        self._shipper = LocalShipper(self._state, settings.shipper_command, log_format=settings.log_format, clock=clock)
        self._ledger = LedgerSpec()
        self._reports = ProxyReports(clock=clock, on_change=self._wake)
        self._watch: asyncio.Task[None] | None = None
        self._admin: LocalAdmin | None = None
        self._listen: tuple[Address, ...] = ()
        self._tls: tuple[str, ...] = ()
        self._admin_address = Address(DEFAULT_HOST, 0)
        self._reserved: list[socket.socket] = []

    async def start(self) -> None:
        """Take the directory, read the files, reserve the ports. Raises StartRefused, with nothing left behind."""
        try:
            self._state.open()
            self._objects.load(self._settings.gateway)
            self._ledger = ledger_of(self.gateway, self.inventory())
            self._listen = tuple(self._reserve(address) for address in self._wanted())
            self._tls = self._wanted_tls()
            self._admin_address, admin_socket = self._reserve_admin()
            sockets = {name: self._state.socket_path(name) for name in self._names()}
            self._admin = LocalAdmin(sockets=sockets, token=self._state.admin_token, waits_for=self._waits_for)
            await self._admin.start(admin_socket)
            self._write_facts()
        except (StateRefused, AddressRefused) as refused:
            await self.stop()
            raise StartRefused(str(refused)) from refused
        except StartRefused:
            await self.stop()
            raise
        except OSError as error:
            await self.stop()
            raise StartRefused(f"--state {self._settings.state}: {error.strerror}; give another directory") from error
        self._watch = asyncio.create_task(self._watch_files(), name="watch files")

    async def stop(self) -> None:
        """Let the workers drain, have shipped what they booked, then end everything; `kill` cuts that short."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        await self._workers.stop()
        await self._shipper.stop()
        await self._reports.close()
        if self._admin is not None:
            await self._admin.stop()
        for reserved in self._reserved:
            reserved.close()
        self._state.close()

    def kill(self) -> None:
        """End the workers and the shipper at once."""
        self._workers.kill()
        self._shipper.kill()

    async def wait_ready(self) -> None:
        """Return once every worker may get calls."""
        while not self._all_ready():
            self._ready_changed.clear()
            await self._ready_changed.wait()

    @property
    def gateway(self) -> str:
        """The id of the gateway that runs."""
        return self._objects.gateway.id

    @property
    def admin_address(self) -> str:
        return str(self._admin_address)

    @property
    def problems(self) -> tuple[str, ...]:
        """Why something in the files is not in force, one line each."""
        return (*self._objects.problems, *self._ports_not_taken(), *self._room_not_taken())

    async def wait_for_change(self, timeout_seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), timeout_seconds)
        self._changed.clear()

    def inventory(self) -> Inventory:
        return self._objects.inventory()

    async def watch_secrets(self, namespaces: Iterable[str]) -> None:
        """Do nothing: every Secret of the files is read with them."""

    async def published(self, gateway: str) -> Snapshot | None:
        if gateway != self.gateway:
            return None
        return await asyncio.to_thread(read_snapshot, self._state.config_directory(gateway))

    async def publish(self, gateway: str, snapshot: Snapshot, keys: KeyRing) -> str:
        """Write both where the workers look, keys first: a configuration may need them at once.

        The first publication starts the workers. A gateway that does not run here is published nowhere.
        """
        keys = msgspec.structs.replace(keys, admin_tokens=(self._state.admin_token,))
        if gateway != self.gateway:
            return ""
        try:
            directory = self._state.config_directory(gateway)
        except OSError as error:
            raise ClusterError(f"{self._settings.state}: {error.strerror}") from error
        version = await asyncio.to_thread(write_keys, directory, keys)
        if await asyncio.to_thread(read_snapshot, directory) != snapshot:
            await asyncio.to_thread(write_snapshot, directory, snapshot)
        if not self._workers.workers:
            self._start_workers()
        return version

    async def apply(self, gateway: str, manifests: Sequence[Manifest]) -> None:
        """See to the ledger's shipper; the rest of what the manifests describe, the workers are here."""
        if gateway != self.gateway:
            return
        try:
            await self._shipper.follow(gateway, self.inventory())
        except OSError as error:
            raise ClusterError(f"{self._settings.state}: {error.strerror}") from error

    async def retire(self, gateways: Iterable[str]) -> None:
        """Do nothing: the one gateway that runs here stays until the process ends."""

    def proxies(self, gateway: str) -> tuple[HeardProxy, ...]:
        if gateway != self.gateway:
            return ()
        return tuple(self._state_of(worker) for worker in self._workers.workers)

    def address_of(self, gateway: str) -> str:
        return str(self._listen[0]) if gateway == self.gateway and self._workers.workers else ""

    @property
    def base_url(self) -> str:
        """Where applications call, with the scheme that the first listener speaks."""
        return f"{'https' if self._tls[0] else 'http'}://{self._listen[0]}"

    async def nudge(self, gateway: str, proxies: Iterable[str]) -> None:
        if gateway == self.gateway:
            touch(self._state.config_directory(gateway))

    def ask_fragments(self, gateway: str, proxies: Iterable[str]) -> None:
        for name in proxies:
            self._reports.ask_fragments(name)

    def give_duties(self, gateway: str, duties: Mapping[str, Duties]) -> None:
        if gateway == self.gateway:
            self._reports.give_duties(duties)

    async def write_status(self, ref: ObjectRef, resource_version: str, status: Mapping[str, Any]) -> Written:
        try:
            return self._objects.write_status(ref, resource_version, status)
        except OSError as error:
            raise ClusterError(f"{ref}: its status cannot be written: {error.strerror}") from error

    def tell(self, ref: ObjectRef, uid: str, happenings: Iterable[Happening]) -> None:
        for each in happenings:
            if each.condition not in OBSERVED:
                continue  # what is wrong with a file was told when it was read
            told = log.warning if each.bad else log.info
            told(f"{each.condition}: {each.reason}", extra={"object": str(ref), "why": each.message})

    def _wanted(self) -> list[Address]:
        """Return where to listen; raise StartRefused where that would be open to whoever can reach this machine."""
        found = self.inventory().gateways[self.gateway]
        if self._settings.listen is None:
            ports = [listener.port for listener in found.spec.listeners] if found.spec else [DEFAULT_PORT]
            return [Address(DEFAULT_HOST, port) for port in ports]
        address = read_address(self._settings.listen, "--listen")
        closed = found.spec is not None and found.spec.auth.api_keys is not None
        if not (address.is_loopback or closed or self._settings.insecure):
            raise StartRefused(
                f"--listen {address}: others can reach this address, and ModelGateway {self.gateway} asks for no keys; "
                "set its spec.auth.apiKeys, listen on 127.0.0.1, or accept it with --insecure"
            )
        return [address]

    def _wanted_tls(self) -> tuple[str, ...]:
        """Return, for each of the gateway's listeners, its name where it takes connections over TLS, else nothing."""
        spec = self.inventory().gateways[self.gateway].spec
        if spec is None:
            return ("",)
        return tuple(listener.name if listener.tls else "" for listener in spec.listeners)

    def _reserve_admin(self) -> tuple[Address, socket.socket]:
        """Take the admin port; raise StartRefused where others could reach it, or where calls are taken."""
        address = read_address(self._settings.admin, "--admin")
        if not (address.is_loopback or self._settings.insecure):
            raise StartRefused(
                f"--admin {address}: others can reach this address, and health and metrics ask for no key; "
                "listen on 127.0.0.1, or accept it with --insecure"
            )
        real, reserved = reserve(address, "--admin")
        if any(share_port(reserved, taken) for taken in self._reserved):
            reserved.close()
            raise StartRefused(f"--admin {address}: calls are taken on this port; give one of both another port")
        return real, reserved

    def _ports_not_taken(self) -> list[str]:
        """Return a line if the gateway's ports have changed since the start: workers bind theirs once."""
        spec = self.inventory().gateways[self.gateway].spec
        if spec is None or self._settings.listen is not None or not self._listen:
            return []
        wanted, taken = [listener.port for listener in spec.listeners], [address.port for address in self._listen]
        if wanted != taken:
            return [
                f"ModelGateway {self.gateway}: spec.listeners: ports {wanted}, but this run has {taken}; start it again"
            ]
        if self._wanted_tls() != self._tls:
            return [
                f"ModelGateway {self.gateway}: spec.listeners: tls has changed since this run began; start it again"
            ]
        return []

    def _room_not_taken(self) -> list[str]:
        """Return a line if the spool's size has changed since the start: workers are told it once."""
        if self.inventory().gateways[self.gateway].spec is None:
            return []
        wanted, taken = ledger_of(self.gateway, self.inventory()).spool.size_mib, self._ledger.spool.size_mib
        if wanted == taken:
            return []
        return [
            f"ModelGateway {self.gateway}: spec.ledger.spool.sizeMiB: {wanted}, but this run has {taken}; "
            "start it again"
        ]

    def _reserve(self, address: Address) -> Address:
        real, reserved = reserve(address, "--listen")
        self._reserved.append(reserved)
        return real

    def _names(self) -> list[str]:
        return [f"worker-{number}" for number in range(self._settings.workers)]

    def _start_workers(self) -> None:
        token = self._state.admin_token
        commands = {name: self._command(name) for name in self._names()}
        self._workers.start(commands)
        self._reports.watch({name: Endpoint(f"unix:{self._state.socket_path(name)}", token) for name in commands})

    def _command(self, name: str) -> list[str]:
        settings = self._settings
        directory = self._state.config_directory(self.gateway).absolute()
        command = [*settings.worker_command, "--config", str(directory)]
        for address, shows in zip(self._listen, self._tls, strict=False):
            command += ["--listen-tls", f"{shows}={address}"] if shows else ["--listen", str(address)]
        command += spool_options(self._ledger, str(self._state.spool))
        command += ["--admin", f"unix:{self._state.socket_path(name)}", "--name", name]
        command += ["--reuse-port", "--die-with-parent", "--drain-delay", "0s", "--log-format", settings.log_format]
        if all(address.is_loopback for address in self._listen) or settings.insecure:
            command.append("--standalone")
        return command

    def _state_of(self, worker: Worker) -> HeardProxy:
        """Return a worker's state; a report of the process before it is none of its own."""
        heard = self._reports.heard(worker.name)
        if heard is None or heard.heard_at < worker.started_at:
            return HeardProxy(worker.name, ready=False)
        fresh = self._clock() - heard.heard_at < REPORT_SECONDS
        return HeardProxy(worker.name, worker.running and fresh and heard.report.ready, heard.report, heard.heard_at)

    def _all_ready(self) -> bool:
        proxies = self.proxies(self.gateway)
        return bool(proxies) and all(proxy.ready for proxy in proxies)

    def _waits_for(self) -> str:
        return "" if self._workers.workers else "the first configuration"

    def _wake(self) -> None:
        self._changed.set()
        self._ready_changed.set()

    async def _watch_files(self) -> None:
        while True:
            await asyncio.sleep(self._settings.poll_seconds)
            try:
                if await asyncio.to_thread(self._objects.look):
                    self._objects.adopt()
                    self._write_facts()
                    self._wake()
            except Exception:
                log.exception("the files could not be read again")

    def _write_facts(self) -> None:
        self._state.write_facts(
            {
                "gateway": self.gateway,
                "listen": [str(address) for address in self._listen],
                "admin": str(self._admin_address),
                "problems": list(self.problems),
            }
        )
