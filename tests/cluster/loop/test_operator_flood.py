"""A tenant with 10,000 policies, some as large as they may be, and 50 edits a second harms no other tenant."""

import asyncio
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

import aiohttp
import pytest
from cluster.loop.flood import Caller, Policies, Writer, call, going_on, large_rules, p99, programmed
from cluster.loop.stage import Json, Stage, gateway, policy, simulated
from cluster.processes import wait_until
from doubles.figures import Figures
from fence.stage_canaries import KEYS

POLICIES = 10_000
LARGE = 4
LARGE_RULES = 27
LARGE_BYTES = 1_000_000
"""What a large policy takes at least, as JSON without a blank: 1.00 MB, nearly all of it header values of rules."""
FLOODED_PER_SECOND = 45.0
"""Of the 50 edits that are sent in each second: the time until the last of them is answered counts as well."""
EDITS = int(os.environ.get("FAIRLEAD_FLOOD_EDITS", "20"))
"""How many edits of the other tenant are timed: more by hand, where a percentile is wanted."""
DEADLINE_SECONDS = 60.0
PROMISED_SECONDS, USUAL_SECONDS = 3.0, 2.5
FLOOD_KEY, QUIET_KEY = KEYS["tenant"], KEYS["neighbour"]


@dataclass(frozen=True, slots=True)
class Flooded:
    stage: Stage
    address: str
    flood: Policies
    quiet: Policies


@pytest.fixture
def flooded(stage: Stage) -> Iterator[Flooded]:
    """A gateway with two proxies that serves a quiet tenant; beside it everything of the flooding one is laid:
    10,000 small policies, and four of 1.00 MB each as the API server holds them.
    """
    stage.create("ModelProvider", "sim", simulated())
    stage.create("ModelProvider", "spare", simulated())
    stage.create("ModelGateway", "main", gateway())
    flood, quiet = Policies(stage.plane, stage.tenant()), Policies(stage.plane, stage.tenant())
    for name, key, policies in (("flood", FLOOD_KEY, flood), ("quiet", QUIET_KEY, quiet)):
        labels = {"fairlead.dev/key": "true", "fairlead.dev/tenant-namespace": policies.namespace}
        stage.secret(name, labels=labels, key=key)
    quiet.lay([("own", targets(stage, "sim", "smart"))])
    stage.wait_for("routepolicy", "own", "Programmed", "True", namespace=quiet.namespace, seconds=60)
    address = stage.serving()
    try:
        flood.lay([large(stage, number) for number in range(LARGE)])
        flood.lay([small(stage, number, 0) for number in range(POLICIES)])
        yield Flooded(stage, address, flood, quiet)
    finally:
        flood.clear()


def targets(stage: Stage, provider: str, model: str) -> Json:
    return policy(stage.platform, [f"{stage.platform}/{provider}/small"], models=[model])


def small(stage: Stage, number: int, edit: int) -> tuple[str, Json]:
    spec = targets(stage, "sim", f"model-{number}")
    (rule,) = spec["rules"]
    return f"policy-{number:05}", {**spec, "rules": [{**rule, "match": [{"headers": {"x-edit": str(edit)}}]}]}


def large(stage: Stage, seed: int) -> tuple[str, Json]:
    spec = targets(stage, "sim", f"large-{seed}")
    (rule,) = spec["rules"]
    return f"large-{seed}", {**spec, "rules": [*large_rules(rule["route"]["targets"], LARGE_RULES, seed), rule]}


def test_the_edits_of_another_tenant_are_programmed_in_time_and_no_call_fails(
    flooded: Flooded, figures: Figures
) -> None:
    stage, flood, quiet = flooded.stage, flooded.flood, flooded.quiet
    writer = Writer(flood, lambda number: small(stage, number * 7919 % POLICIES, number + 1))
    caller = Caller(flooded.address, QUIET_KEY, "smart")
    with going_on((flood, writer.run), (quiet, caller.run)):
        told, served = asyncio.run(timed_edits(flooded))
    assert (caller.failed, writer.failed) == ([], [])
    assert caller.answered > 0
    assert writer.per_second >= FLOODED_PER_SECOND
    assert min(asyncio.run(stored_bytes(flooded))) >= LARGE_BYTES
    assert flood_is_served(flooded)
    figures.hold(
        f"a flood of {writer.per_second:.0f} edits/s: another's edit, served", p99(served), bound=PROMISED_SECONDS
    )
    figures.hold("the same: programmed, p99", p99(told), bound=PROMISED_SECONDS)
    figures.hold("the same: programmed, median", median(told), bound=USUAL_SECONDS)


async def stored_bytes(flooded: Flooded) -> list[int]:
    """Return how large the API server holds each of the large policies, as compact JSON."""
    async with flooded.flood.session() as session:
        stored = [await flooded.flood.read(session, f"large-{number}") for number in range(LARGE)]
    return [len(json.dumps(each, separators=(",", ":"))) for each in stored]


async def timed_edits(flooded: Flooded) -> tuple[list[float], list[float]]:
    """Edit the quiet tenant's policy; return when each edit was told programmed, and served, in seconds."""
    told: list[float] = []
    served: list[float] = []
    async with flooded.quiet.session() as session:
        for number in range(EDITS):
            provider = ("spare", "sim")[number % 2]
            spec = targets(flooded.stage, provider, "smart")
            patched = await flooded.quiet.patch(session, "own", spec)
            seen = await asyncio.gather(
                seconds_until_told(flooded, session, patched["metadata"]["generation"]),
                seconds_until_served(flooded, session, f"{flooded.stage.platform}/{provider}"),
            )
            told.append(seen[0])
            served.append(seen[1])
    return told, served


async def seconds_until_told(flooded: Flooded, session: aiohttp.ClientSession, generation: int) -> float:
    begun = time.monotonic()
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not programmed(await flooded.quiet.read(session, "own"), generation):
            await asyncio.sleep(0.02)
    return time.monotonic() - begun


async def seconds_until_served(flooded: Flooded, session: aiohttp.ClientSession, provider: str) -> float:
    begun = time.monotonic()
    async with asyncio.timeout(DEADLINE_SECONDS):
        while await call(session, flooded.address, QUIET_KEY, "smart") != provider:
            await asyncio.sleep(0.02)
    return time.monotonic() - begun


def flood_is_served(flooded: Flooded) -> bool:
    """Say whether the flooding tenant's own calls are answered: it harms not even itself."""
    return bool(
        wait_until(
            lambda: asyncio.run(flood_answer(flooded)) == f"{flooded.stage.platform}/sim",
            what="the flooding tenant is served",
            seconds=DEADLINE_SECONDS,
        )
    )


async def flood_answer(flooded: Flooded) -> str:
    async with flooded.flood.session() as session:
        return await call(session, flooded.address, FLOOD_KEY, "large-0")
