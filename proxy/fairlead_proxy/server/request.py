"""What the head of a request says."""

from typing import Final

from msgspec import Struct

HTTP_1_0: Final = "1.0"
HTTP_1_1: Final = "1.1"


class Request(Struct):
    """What a head says: first what was read, then what `read_headers` makes of that; nobody changes it afterwards.

    `keep_alive`: the client may send another request on its connection.
    """

    method: str
    target: str
    path: str
    version: str
    raw_headers: list[tuple[bytes, bytes]]
    headers: dict[str, str] = {}
    keep_alive: bool = False

    @property
    def http_1_0(self) -> bool:
        return self.version != HTTP_1_1
