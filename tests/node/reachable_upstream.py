"""The scripted provider, on an address that pods reach: `reachable_upstream.py ADDRESS` prints `PORT CONTROL_PORT`."""

import asyncio
import sys

from doubles.scripted_upstream import Upstream, control


class ReachableUpstream(Upstream):
    """Listens on one address of the host; steered on loopback, like its parent."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address

    async def listen(self) -> None:
        self.server = await asyncio.start_server(self.serve, self._address, self.port, limit=2**26)
        self.port = self.server.sockets[0].getsockname()[1]


async def main(address: str) -> None:
    """Serve until ended."""
    upstream = ReachableUpstream(address)
    await upstream.listen()
    steering = await asyncio.start_server(lambda r, w: control(upstream, r, w), "127.0.0.1", 0)
    print(upstream.port, steering.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
