"""All connections of one port, and what they share."""

import asyncio
import time
from typing import cast

from fairlead_proxy.exchange.errors import Answer
from fairlead_proxy.server.answer_head import date_line
from fairlead_proxy.server.answers import render_closing_answer
from fairlead_proxy.server.client_connection import ClientConnection
from fairlead_proxy.server.limits import Limits
from fairlead_proxy.server.service import Service
from fairlead_proxy.server.serving import Serving


class ClientServer:
    """Makes a ClientConnection for each client that connects. To be made within a running loop.

    `serving` tells whether this process is about to go: answers then end their connections.
    """

    def __init__(self, service: Service, limits: Limits, serving: Serving) -> None:
        self.service = service
        self.limits = limits
        self.serving = serving
        self.loop = asyncio.get_running_loop()
        self.connections: set[ClientConnection] = set()
        self.date_line = date_line(time.time())
        self._empty = asyncio.Event()

    def protocol(self) -> asyncio.Protocol:
        """Return a connection for a client that has connected: a protocol in all but name, see ClientSocket."""
        return cast(asyncio.Protocol, ClientConnection(self))

    def render(self, answer: Answer) -> bytes:
        return render_closing_answer(answer, self.date_line)

    def made(self, connection: ClientConnection) -> int:
        self.connections.add(connection)
        return len(self.connections)

    def forget(self, connection: ClientConnection) -> None:
        self.connections.discard(connection)
        if not self.connections:
            self._empty.set()

    def sweep(self) -> None:
        """End what has been too slow, and render the date anew; to be called more than once a second."""
        self.date_line = date_line(time.time())
        now = self.loop.time()
        for connection in list(self.connections):
            connection.sweep(now)

    def end_idle(self) -> None:
        for connection in list(self.connections):
            connection.end_if_idle()

    async def shutdown(self, patience_seconds: float) -> None:
        """End every connection: at once where a request is under way, else as soon as its last answer is sent."""
        for connection in list(self.connections):
            connection.shut()
        self._empty.clear()
        if self.connections:
            try:
                async with asyncio.timeout(patience_seconds):
                    await self._empty.wait()
            except TimeoutError:
                for connection in list(self.connections):
                    connection.cut()
