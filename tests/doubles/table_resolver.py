"""Names that resolve as a table says, so that no test asks the network."""

import socket
from collections.abc import Sequence

from fairlead_proxy.upstream.egress import AddressInfo


class TableResolver:
    """Answers each look-up of a name with the next of its answers, the last one for ever; counts the look-ups."""

    def __init__(self, answers: dict[str, list[list[str]]]) -> None:
        self.look_ups = 0
        self.answers = answers

    async def __call__(self, host: str, port: int) -> Sequence[AddressInfo]:
        self.look_ups += 1
        queue = self.answers.get(host)
        if queue is None:
            raise OSError(None, "no such name")
        addresses = queue.pop(0) if len(queue) > 1 else queue[0]
        return [info_of(address, port) for address in addresses]


def info_of(address: str, port: int) -> AddressInfo:
    """Return an address as the system would."""
    if ":" in address:
        return (socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port, 0, 0))
    return (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port))
