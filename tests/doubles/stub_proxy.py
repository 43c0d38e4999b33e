"""A proxy's admin port without a proxy: it answers `POST /report` from a report that the test sets."""

import asyncio
import contextlib
from types import TracebackType

import msgspec
from aiohttp import web

from fairlead_proxy.contract.report import ProxyReport, ReportRequest


class StubProxy:
    """Serves on loopback while it is entered. `requests` are those that came in with the right token."""

    def __init__(self, name: str = "proxy-0", token: str = "token") -> None:
        self.report = ProxyReport(proxy=name, sequence=1, now=0.0, revision="r-1", ready=True)
        self.requests: list[ReportRequest] = []
        self.refused = 0
        self.address = ""
        self._token = token
        self._changed = asyncio.Condition()
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> "StubProxy":
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self, *, unix_path: str = "", port: int = 0) -> None:
        app = web.Application()
        app.router.add_post("/report", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        if unix_path:
            await web.UnixSite(self._runner, unix_path).start()
            self.address = f"unix:{unix_path}"
            return
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self.address = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def tell(self, **changes: object) -> None:
        """Change the report and let those who wait for it know."""
        async with self._changed:
            self.report = msgspec.structs.replace(self.report, sequence=self.report.sequence + 1, **changes)
            self._changed.notify_all()

    async def _answer(self, request: web.Request) -> web.Response:
        if request.headers.get("authorization") != f"Bearer {self._token}":
            self.refused += 1
            return web.Response(status=401)
        asked = msgspec.json.decode(await request.read(), type=ReportRequest)
        self.requests.append(asked)
        async with self._changed:
            with contextlib.suppress(TimeoutError):
                newer = self._changed.wait_for(lambda: self.report.sequence > asked.after)
                await asyncio.wait_for(newer, asked.wait_seconds or 0.001)
        report = self.report
        if not asked.fragments:
            report = msgspec.structs.replace(report, fragments=None)
        return web.Response(body=msgspec.json.encode(report), content_type="application/json")
