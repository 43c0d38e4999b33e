"""A worker process without a proxy in it: it takes the options of `fairlead-proxy serve` and tells what it was given.

Its port answers every GET with its process id; its admin socket answers /report, /readyz and /metrics. The last thing
it does is to leave a directory of its name in the spool.
"""

import argparse
import asyncio
import json
import os
import signal
from pathlib import Path

import msgspec
from aiohttp import web

from fairlead_proxy.contract.report import ProxyReport, ReportRequest


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--listen", action="append", required=True)
    for name in ("--config", "--admin", "--name", "--drain-delay", "--log-format", "--spool", "--spool-limit-mib"):
        parser.add_argument(name, required=True)
    for name in ("--reuse-port", "--die-with-parent", "--standalone"):
        parser.add_argument(name, action="store_true")
    return parser.parse_args()


async def serve(given: argparse.Namespace) -> None:
    config, born, parent = Path(given.config), asyncio.get_running_loop().time(), os.getppid()

    def report() -> ProxyReport:
        index = json.loads((config / "index.json").read_bytes())
        return ProxyReport(proxy=given.name, sequence=1, now=0.0, revision=index["revision"], ready=True)

    async def answer_report(request: web.Request) -> web.Response:
        asked = msgspec.json.decode(await request.read(), type=ReportRequest)
        token = json.loads((config / "keys.json").read_bytes())["admin_tokens"][0]
        if request.headers.get("authorization") != f"Bearer {token}":
            return web.Response(status=401)
        deadline = asyncio.get_running_loop().time() + min(asked.wait_seconds, 0.2)
        while asked.after and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.02)
        return web.Response(body=msgspec.json.encode(report()))

    async def answer_readyz(_: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def answer_metrics(_: web.Request) -> web.Response:
        return web.Response(text="# TYPE stub_calls_total counter\nstub_calls_total 1.0\n")

    async def answer_decision(request: web.Request) -> web.Response:
        known = request.match_info["id"] == f"of-{given.name}"
        return web.json_response({"by": given.name}) if known else web.Response(status=404)

    async def answer_call(_: web.Request) -> web.Response:
        return web.json_response({"pid": os.getpid(), "standalone": given.standalone, "born": born})

    admin, front = web.Application(), web.Application()
    admin.router.add_post("/report", answer_report)
    admin.router.add_get("/readyz", answer_readyz)
    admin.router.add_get("/metrics", answer_metrics)
    admin.router.add_get("/debug/decisions/{id}", answer_decision)
    front.router.add_get("/", answer_call)
    runners = [web.AppRunner(app, shutdown_timeout=0.1) for app in (admin, front)]
    for runner in runners:
        await runner.setup()
    await web.UnixSite(runners[0], given.admin.removeprefix("unix:")).start()
    for address in given.listen:
        host, _, port = address.rpartition(":")
        await web.TCPSite(runners[1], host, int(port), reuse_port=given.reuse_port).start()
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    while not ended.is_set() and os.getppid() == parent:
        await asyncio.sleep(0.02)
    for runner in runners:
        await runner.cleanup()
    Path(given.spool, given.name).mkdir(parents=True, exist_ok=True)


if __name__ == "__main__":
    asyncio.run(serve(options()))
