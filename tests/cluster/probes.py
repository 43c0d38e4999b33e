"""Startup, readiness and liveness probes of a container, with the kubelet's defaults and thresholds."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

Json = Mapping[str, Any]
Verdict = Callable[[bool], None]
"""Told each time that a probe's outcome has crossed its threshold."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a container answers, and how to run a command in its place."""

    address: str
    ports: Mapping[str, int]
    execute: Callable[[list[str]], Awaitable[int]]


async def keep_probing(probe: Json, target: Target, session: aiohttp.ClientSession, tell: Verdict) -> None:
    """Probe until cancelled, and tell once the same outcome came as often in a row as its threshold asks."""
    thresholds = {True: int(probe.get("successThreshold", 1)), False: int(probe.get("failureThreshold", 3))}
    await asyncio.sleep(float(probe.get("initialDelaySeconds", 0)))
    last, count = None, 0
    while True:
        outcome = await ask(probe, target, session)
        count = count + 1 if outcome is last else 1
        last = outcome
        if count >= thresholds[outcome]:
            tell(outcome)
        await asyncio.sleep(float(probe.get("periodSeconds", 10)))


async def ask(probe: Json, target: Target, session: aiohttp.ClientSession) -> bool:
    """Return whether one probe, or the action of a lifecycle hook, succeeds within its time."""
    try:
        async with asyncio.timeout(float(probe.get("timeoutSeconds", 1))):
            return await _outcome(probe, target, session)
    except (aiohttp.ClientError, OSError, TimeoutError, LookupError):
        return False


async def _outcome(probe: Json, target: Target, session: aiohttp.ClientSession) -> bool:
    if "httpGet" in probe:
        request = probe["httpGet"]
        scheme = request.get("scheme", "HTTP").lower()
        host = request.get("host") or target.address
        url = f"{scheme}://{host}:{_port(request['port'], target)}{request.get('path') or '/'}"
        headers = {each["name"]: each["value"] for each in request.get("httpHeaders", [])}
        async with session.get(url, headers=headers, allow_redirects=False, ssl=False) as response:
            return 200 <= response.status < 400
    if "tcpSocket" in probe:
        _, writer = await asyncio.open_connection(target.address, _port(probe["tcpSocket"]["port"], target))
        writer.close()
        return True
    return await target.execute(probe["exec"]["command"]) == 0


def _port(port: int | str, target: Target) -> int:
    return port if isinstance(port, int) else target.ports[port]
