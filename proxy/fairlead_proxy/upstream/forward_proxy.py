"""A proxy on the way to providers: a tunnel through it, asked for by CONNECT.

ProxyRefused (an OSError, so that it ends a connection attempt as any other failure does)
"""

import asyncio
import socket
from base64 import b64encode
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, ip_address

from yarl import URL

from fairlead_proxy.contract.config import Egress
from fairlead_proxy.upstream.egress import Address, Refused, may_connect, refuse_host
from fairlead_proxy.upstream.resolver import literal_address

_MAX_HEAD_BYTES = 16 * 1024


class ProxyRefused(OSError):
    """The proxy makes no tunnel. The message is ours, and names nothing but a status."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class ForwardProxy:
    """`authorization` is the value of Proxy-Authorization, if any."""

    host: str
    port: int
    authorization: str = ""


@lru_cache(maxsize=256)
def read_forward_proxy(text: str) -> ForwardProxy | None:
    """Return the proxy that a url names, `http://[user:password@]host[:port]`; None if it is not one."""
    try:
        url = URL(text)
        host, port = url.host, url.port
        user, password = url.user, url.password
    except ValueError:
        return None
    if url.scheme != "http" or not host or port is None or url.raw_path not in ("", "/") or url.raw_query_string:
        return None
    authorization = ""
    if user is not None:
        authorization = "Basic " + b64encode(f"{user}:{password or ''}".encode()).decode()
    return ForwardProxy(host.lower(), port, authorization)


def may_tunnel(egress: Egress, namespace: str, host: str) -> Refused | None:
    """Return None if a provider of this namespace may be reached by a proxy under this host.

    A name must be one that `egress.allowHosts` admits; what it resolves to is the proxy's affair, since only the proxy
    learns it. An address, in any spelling that a resolver takes for one, is judged as if we connected to it ourselves.
    """
    address = _address_of(host)
    if address is None:
        return refuse_host(egress, host)
    return may_connect(egress, namespace, host, address, scheme="https")


async def open_tunnel(proxy: ForwardProxy, through: socket.socket, host: str, port: int) -> None:
    """Make the socket, connected to the proxy, one to `host`; raise ProxyRefused or OSError."""
    loop = asyncio.get_running_loop()
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {authority} HTTP/1.1", f"host: {authority}"]
    if proxy.authorization:
        lines.append(f"proxy-authorization: {proxy.authorization}")
    await loop.sock_sendall(through, "\r\n".join([*lines, "", ""]).encode())
    head = b""
    while b"\r\n\r\n" not in head:
        received = await loop.sock_recv(through, 4096)
        head += received
        if not received or len(head) > _MAX_HEAD_BYTES:
            raise ProxyRefused("the forward proxy gave no answer that is HTTP")
    _check(head)


def _check(head: bytes) -> None:
    """Raise ProxyRefused unless this is the head of a good answer, and nothing more: TLS has not begun yet."""
    words = head.partition(b"\r\n")[0].split(b" ", 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or len(words[1]) != 3 or not words[1].isdigit():
        raise ProxyRefused("the forward proxy gave no answer that is HTTP")
    status = int(words[1])
    if status == 407:
        raise ProxyRefused("the forward proxy does not accept our credentials (407)")
    if not 200 <= status < 300:
        raise ProxyRefused(f"the forward proxy refused the connection ({status})")
    if not head.endswith(b"\r\n\r\n"):
        raise ProxyRefused("the forward proxy sent more than its answer")


def _address_of(host: str) -> Address | None:
    literal = literal_address(host, 0)
    if literal is not None:
        return ip_address(str(literal[4][0]))
    try:
        return IPv4Address(socket.inet_aton(host.rstrip(".")))
    except OSError:
        return None
