"""A receiver of OpenTelemetry logs that parses what it gets by the protocol itself, and misbehaves as told."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from google.protobuf import json_format  # type: ignore[import-untyped]
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import ResourceLogs


@dataclass
class Answer:
    """What is answered to one request."""

    status: int = 200
    body: str = "{}"
    headers: dict[str, str] = field(default_factory=dict)


class LogCollector:
    """`answers`: for the next requests, one each; then 200. `requests`: those that were answered 2xx."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.requests: list[ExportLogsServiceRequest] = []
        self.seen = 0
        self.url = ""

    def resources(self) -> list[ResourceLogs]:
        return [resource for request in self.requests for resource in request.resource_logs]

    def logs(self) -> list[dict[str, Any]]:
        """Return the attributes of every log record, with its event's name and its moment."""
        return [
            {"event": log.event_name, "at": log.time_unix_nano, **attributes_of(log.attributes)}
            for resource in self.resources()
            for scope in resource.scope_logs
            for log in scope.log_records
        ]

    async def take(self, request: web.Request) -> web.Response:
        self.seen += 1
        assert request.content_type == "application/json"
        answer = self.answers.pop(0) if self.answers else Answer()
        parsed = json_format.Parse(await request.read(), ExportLogsServiceRequest())
        if 200 <= answer.status < 300:
            self.requests.append(parsed)
        return web.Response(status=answer.status, text=answer.body, headers=answer.headers)


def attributes_of(attributes: Any) -> dict[str, Any]:
    """Return attributes as plain values."""
    return {each.key: _plain(each.value) for each in attributes}


def _plain(value: AnyValue) -> Any:
    return getattr(value, str(value.WhichOneof("value")))


@asynccontextmanager
async def log_collector() -> AsyncIterator[LogCollector]:
    """A receiver on a loopback port until the block ends."""
    collector = LogCollector()
    application = web.Application(client_max_size=64 * 2**20)
    application.router.add_post("/v1/logs", collector.take)
    server = TestServer(application)
    await server.start_server()
    collector.url = str(server.make_url("")).rstrip("/")
    try:
        yield collector
    finally:
        await server.close()
