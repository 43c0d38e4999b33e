"""A token endpoint on loopback that answers as it is told, and notes what it was asked."""

import asyncio
import json
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs

from doubles.raw_server import Peer, RawServer, answer

Refusal = tuple[bytes, bytes]
"""A status line's end, and a body."""


class TokenEndpoint:
    """Gives out token-1, token-2, … for an hour each, unless `says` holds something else. Use with `async with`.

    `open` lets answers out; cleared, whoever asks waits.
    """

    def __init__(self, *says: Refusal, life: object = 3600) -> None:
        self.forms: list[dict[str, str]] = []
        self.heads: list[str] = []
        self.open = asyncio.Event()
        self.open.set()
        self.life = life
        self._says = list(says)
        self._server = RawServer(self._serve)

    @property
    def url(self) -> str:
        """Return its address, without a path."""
        return f"http://127.0.0.1:{self._server.port}"

    @property
    def asked(self) -> int:
        return len(self.forms)

    async def __aenter__(self) -> Self:
        await self._server.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._server.__aexit__(kind, error, trace)

    async def _serve(self, peer: Peer) -> None:
        while True:
            head, _, body = (await peer.request()).partition(b"\r\n\r\n")
            self.heads.append(head.decode())
            self.forms.append({name: values[0] for name, values in parse_qs(body.decode()).items()})
            number = self.asked
            await self.open.wait()
            status, said = self._says.pop(0) if self._says else (b"200 OK", self._token(number))
            await peer.send(answer(said, b"content-type: application/json", status=status))

    def _token(self, number: int) -> bytes:
        token = {"access_token": f"token-{number}", "token_type": "Bearer", "expires_in": self.life}
        return json.dumps(token).encode()
