"""Addresses to listen on: read, judged, and reserved so that a port in use is told before anything starts."""

import errno
import ipaddress
import socket
from dataclasses import dataclass

_EVERY_HOST = frozenset({"0.0.0.0", "::"})  # noqa: S104 (known here, not bound)


class AddressRefused(Exception):
    """An address that cannot be listened on; the message is one line with the remedy."""


@dataclass(frozen=True, slots=True)
class Address:
    """A host, as a name or a literal without brackets, and a port; port 0 asks for any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Say whether only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def read_address(text: str, option: str) -> Address:
    """Read `HOST:PORT`, `[IPv6]:PORT` or `:PORT` (every address of the machine); raise AddressRefused."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise AddressRefused(f"{option} {text}: not an address; write HOST:PORT, for example 127.0.0.1:8080")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise AddressRefused(f"{option} {text}: an IPv6 address stands in brackets: [{host}]:{port}")
    return Address(host or "0.0.0.0", int(port))  # noqa: S104 (the user wrote :PORT)


def reserve(address: Address, option: str) -> tuple[Address, socket.socket]:
    """Return the address with its real port, and a socket that is bound to it and never listens.

    The socket keeps the port for workers that bind with SO_REUSEPORT; a port on which somebody else listens is
    refused first, since SO_REUSEPORT alone would share it in silence. Raises AddressRefused.
    """
    try:
        family, _, _, _, found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise AddressRefused(f"{option} {address}: the host is not known: {error.strerror}") from error
    with _bound(family, found, address, option, shared=False) as probe:
        port = probe.getsockname()[1]
    real = Address(address.host, port)
    return real, _bound(family, (found[0], port, *found[2:]), real, option, shared=True)


def share_port(one: socket.socket, other: socket.socket) -> bool:
    """Say whether a connection to one of two bound sockets could reach the other."""
    (host, port), (other_host, other_port) = one.getsockname()[:2], other.getsockname()[:2]
    return bool(port == other_port) and (host == other_host or not _EVERY_HOST.isdisjoint({host, other_host}))


def _bound(family: int, found: tuple[object, ...], address: Address, option: str, *, shared: bool) -> socket.socket:
    reserved = socket.socket(family, socket.SOCK_STREAM)
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        reserved.bind(found)
    except OSError as error:
        reserved.close()
        reason = "the port is in use" if error.errno == errno.EADDRINUSE else str(error.strerror)
        raise AddressRefused(f"{option} {address}: {reason}; stop what listens there, or give another port") from error
    return reserved
