"""Where to listen, as it is written on the command line."""

from dataclasses import dataclass

UNIX = "unix:"


class ListenError(Exception):
    """An address that cannot be listened on; the message names it and says why."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen: `path` for a unix socket, else host and port."""

    host: str = ""
    port: int = 0
    path: str = ""

    @classmethod
    def of(cls, text: str) -> "Address":
        """Read `HOST:PORT`, `[IPV6]:PORT`, `:PORT` (every interface) or `unix:PATH`; raise ListenError."""
        if text.startswith(UNIX):
            if not text.removeprefix(UNIX):
                raise ListenError(f"{text!r} names no path")
            return cls(path=text.removeprefix(UNIX))
        host, colon, port = text.rpartition(":")
        if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
            raise ListenError(f"{text!r} is not HOST:PORT with a port of 0 to 65535")
        return cls(host=host.removeprefix("[").removesuffix("]"), port=int(port))

    def __str__(self) -> str:
        if self.path:
            return f"{UNIX}{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
