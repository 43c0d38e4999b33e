"""A tenant that floods the control plane, and one beside it that only edits its own policy and calls."""

import asyncio
import json
import random
import ssl
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from cluster.control_plane import ControlPlane
from cluster.loop.stage import Json
from fence.stage_canaries import PROMPT

WORKERS = 16
EDITS_PER_SECOND = 50
CALL_EVERY_SECONDS = 0.02
"""Without a pause the caller would take the core on which the proxies, and whoever measures, are to run."""
CLEAR_SECONDS = 180.0
CLOSING_TURNS = 20
"""A connection that is closed needs a turn or two of the loop until its socket is."""
MERGE = {"content-type": "application/merge-patch+json"}
Work = Callable[[aiohttp.ClientSession, threading.Event], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Policies:
    """The RoutePolicies of one namespace, as somebody reaches them who does not wait for kubectl."""

    plane: ControlPlane
    namespace: str

    @property
    def path(self) -> str:
        return f"{self.plane.server}/apis/fairlead.dev/v1alpha1/namespaces/{self.namespace}/routepolicies"

    @asynccontextmanager
    async def session(self) -> AsyncIterator[aiohttp.ClientSession]:
        """Give connections as an administrator; their sockets are closed as well when this ends."""
        pki = self.plane.authority.directory
        context = ssl.create_default_context(cafile=str(self.plane.authority.certificate))
        context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
        connector = aiohttp.TCPConnector(ssl=context, limit=2 * WORKERS)
        timeout = aiohttp.ClientTimeout(total=60)
        async with aiohttp.ClientSession(connector=connector, trust_env=False, timeout=timeout) as session:
            yield session
        for _ in range(CLOSING_TURNS):
            await asyncio.sleep(0)

    def lay(self, specs: list[tuple[str, Json]]) -> None:
        """Create all of these, many at a time; raise RuntimeError with the API server's words where one is refused."""

        async def work(session: aiohttp.ClientSession, waiting: Iterator[tuple[str, Json]]) -> None:
            for name, spec in waiting:
                metadata = {"name": name, "namespace": self.namespace}
                body = {
                    "apiVersion": "fairlead.dev/v1alpha1",
                    "kind": "RoutePolicy",
                    "metadata": metadata,
                    "spec": spec,
                }
                async with session.post(self.path, json=body) as answer:
                    told = await answer.text()
                    if answer.status != 201:
                        raise RuntimeError(f"{name}: {answer.status} {told[:500]}")

        async def main() -> None:
            waiting = iter(specs)
            async with self.session() as session, asyncio.TaskGroup() as group:
                for _ in range(WORKERS):
                    group.create_task(work(session, waiting))

        asyncio.run(main())

    def clear(self) -> None:
        """Delete all of them, and return when they are gone: other tests are not to have them in their watches."""

        async def main() -> None:
            async with self.session() as session, asyncio.timeout(CLEAR_SECONDS):
                while True:
                    async with session.delete(self.path) as answer:
                        answer.raise_for_status()
                    async with session.get(self.path, params={"limit": "1"}) as answer:
                        if not (await answer.json())["items"]:
                            return

        asyncio.run(main())

    async def patch(self, session: aiohttp.ClientSession, name: str, spec: Json) -> Json:
        async with session.patch(f"{self.path}/{name}", data=json.dumps({"spec": spec}), headers=MERGE) as answer:
            answer.raise_for_status()
            patched: Json = await answer.json()
            return patched

    async def read(self, session: aiohttp.ClientSession, name: str) -> Json:
        async with session.get(f"{self.path}/{name}") as answer:
            answer.raise_for_status()
            found: Json = await answer.json()
            return found


@dataclass(slots=True)
class Writer:
    """Edits 50 policies in each second for as long as it runs, whatever becomes of them; `done` counts them."""

    policies: Policies
    edit: Callable[[int], tuple[str, Json]]
    done: int = 0
    failed: list[str] = field(default_factory=list)
    begun: float = 0.0
    ended: float = 0.0

    @property
    def per_second(self) -> float:
        return self.done / (self.ended - self.begun)

    async def run(self, session: aiohttp.ClientSession, ending: threading.Event) -> None:
        self.begun = time.monotonic()
        sent = 0
        async with asyncio.TaskGroup() as group:
            while not ending.is_set():
                # By the clock and not by a pause after each: a slow answer does not slow the flood.
                while sent < (time.monotonic() - self.begun) * EDITS_PER_SECOND:
                    group.create_task(self._edit(session, sent))
                    sent += 1
                await asyncio.sleep(0.5 / EDITS_PER_SECOND)
        self.ended = time.monotonic()

    async def _edit(self, session: aiohttp.ClientSession, number: int) -> None:
        name, spec = self.edit(number)
        try:
            await self.policies.patch(session, name, spec)
            self.done += 1
        except (aiohttp.ClientError, TimeoutError) as error:
            self.failed.append(repr(error))


@dataclass(slots=True)
class Caller:
    """Calls one virtual model some 50 times a second; `failed` holds what became of each call not answered with 200."""

    address: str
    key: str
    model: str
    answered: int = 0
    failed: list[str] = field(default_factory=list)

    async def run(self, session: aiohttp.ClientSession, ending: threading.Event) -> None:
        while not ending.is_set():
            try:
                await call(session, self.address, self.key, self.model)
                self.answered += 1
            except (aiohttp.ClientError, TimeoutError) as error:
                self.failed.append(repr(error))
            await asyncio.sleep(CALL_EVERY_SECONDS)


async def call(session: aiohttp.ClientSession, address: str, key: str, model: str) -> str:
    """Return the provider that answered; raise aiohttp's error where none did."""
    body = {"model": model, "messages": [{"role": "user", "content": PROMPT}]}
    headers = {"authorization": f"Bearer {key}"}
    async with session.post(f"http://{address}/v1/chat/completions", json=body, headers=headers) as answer:
        await answer.read()
        answer.raise_for_status()
        return answer.headers["x-fairlead-provider"]


@contextmanager
def going_on(*works: tuple[Policies, Work]) -> Iterator[None]:
    """Have all of these run, each in a thread of its own with its own connections, until the end of the block."""
    ending = threading.Event()

    async def main(policies: Policies, work: Work) -> None:
        async with policies.session() as session:
            await work(session, ending)

    threads = [threading.Thread(target=lambda each=each: asyncio.run(main(*each)), name="flood") for each in works]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ending.set()
        for thread in threads:
            thread.join()


def large_rules(targets: list[Json], rules: int, seed: int) -> list[Json]:
    """Return rules as large as the schema lets them be, of texts that hardly compress."""
    rng = random.Random(seed)
    return [
        {
            "name": f"rule-{number}",
            "match": [
                {"headers": {f"x-{rng.randbytes(12).hex()}": rng.randbytes(128).hex() for _ in range(16)}}
                for _ in range(8)
            ],
            "route": {"targets": targets},
        }
        for number in range(rules)
    ]


def p99(seconds: list[float]) -> float:
    """Return the value that 99 of a hundred do not exceed; with fewer values, the largest."""
    return sorted(seconds)[max(0, -(-99 * len(seconds) // 100) - 1)]


def programmed(content: Json, generation: int) -> bool:
    conditions: list[dict[str, Any]] = content.get("status", {}).get("conditions", [])
    return any(
        each["type"] == "Programmed" and each["status"] == "True" and each["observedGeneration"] == generation
        for each in conditions
    )
