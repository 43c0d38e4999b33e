"""Where a call goes, and the part of its request's head that is the same each time."""

import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version

from yarl import URL

from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.upstream.transport import Headers, Lane

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
"""Source: RFC 9110, sections 5.1 and 5.5."""
_FRAMING = frozenset({"connection", "content-length", "host", "transfer-encoding", "upgrade"})
"""What the transport says itself, or never."""
_BODILESS = frozenset({"GET", "HEAD", "OPTIONS"})
_SIGN = r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})"
_PATH = re.compile(rf"(?:/{_SIGN}*+)?(?:\?(?:{_SIGN}|\?)*+)?")
"""What stands behind a provider's url: a path and a query, as they go out. Source: RFC 3986, sections 3.3 and 3.4."""


@dataclass(frozen=True, slots=True)
class Origin:
    """A server as the url names it. `host` is what rules are written for; `wire_host` what resolvers and TLS know."""

    scheme: str
    host: str
    wire_host: str
    port: int


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """`path` is what the request line names: with the query, if there is one."""

    origin: Origin
    authority: str
    path: str


def read_origin(lane: Lane) -> Origin:
    """Return where a lane leads; raise UpstreamFailure(Unreachable) for a url that names no http(s) endpoint."""
    return _endpoint(lane.provider.url, lane.path).origin


def request_url(lane: Lane) -> str:
    """Return the absolute url of a lane's requests as it goes out, for those who sign it; raise UpstreamFailure."""
    endpoint = _endpoint(lane.provider.url, lane.path)
    return f"{endpoint.origin.scheme}://{endpoint.authority}{endpoint.path}"


def encode_head(lane: Lane) -> bytes:
    """Return the head of a lane's requests, up to where the length of the body follows; raise UpstreamFailure.

    The caller appends the length, a line end, further lines if there are any, and the line end that ends the head.
    Where a request has no body, `encode_bodiless` is asked instead.
    """
    return b"\r\n".join([*_lines(lane), b"content-length: "])


def encode_bodiless(lane: Lane) -> bytes:
    """Return the head of a request without a body, up to further lines and the line end that ends the head."""
    length = [] if lane.method in _BODILESS else [b"content-length: 0"]
    return b"\r\n".join([*_lines(lane), *length, b""])


def encode_more(headers: Headers) -> bytes:
    """Return the lines of headers that one request alone has; raise UpstreamFailure(Unreachable)."""
    if any(name.lower() in _FRAMING for name, _ in headers):
        raise _unsendable()
    return b"".join([line + b"\r\n" for line in _encode(headers)])


def _lines(lane: Lane) -> list[bytes]:
    endpoint = _endpoint(lane.provider.url, lane.path)
    if any(name.lower() in _FRAMING for name, _ in lane.headers) or not _NAME.fullmatch(lane.method):
        raise _unsendable()
    headers = _encode((("host", endpoint.authority), *lane.headers, ("user-agent", _agent())))
    return [f"{lane.method} {endpoint.path} HTTP/1.1".encode(), *headers]


def _encode(headers: Headers) -> list[bytes]:
    if not all(_NAME.fullmatch(name) and _VALUE.fullmatch(value) for name, value in headers):
        raise _unsendable()
    # What came as bytes that are no UTF-8 goes out as the same bytes.
    return [f"{name}: {value}".encode("utf-8", "surrogateescape") for name, value in headers]


def _unsendable() -> UpstreamFailure:
    return UpstreamFailure(FailureClass.UNREACHABLE, "the provider's url or the request's headers cannot be sent")


@lru_cache(maxsize=4096)
def _endpoint(base: str, path: str) -> _Endpoint:
    """The path is written behind the url as it stands: a signature is made over it, and `%2F` is not `/`."""
    try:
        url = URL(base.rstrip("/"))
        plain = not (url.raw_user or url.raw_password or "?" in base or "#" in base)
        valid = url.scheme in ("http", "https") and url.host and url.raw_host and url.port
        authority = url.host_port_subcomponent
    except ValueError:
        raise UpstreamFailure(FailureClass.UNREACHABLE, "the provider's url is not valid") from None
    if not (plain and valid and url.host and url.raw_host and url.port and authority):
        raise UpstreamFailure(FailureClass.UNREACHABLE, "the provider's url is not a plain http or https url")
    if not _PATH.fullmatch(path):
        raise _unsendable()
    origin = Origin(url.scheme, url.host.lower(), url.raw_host.lower(), url.port)
    whole = url.raw_path.rstrip("/") + path
    return _Endpoint(origin, authority, whole if whole.startswith("/") else f"/{whole}")


@lru_cache(maxsize=1)
def _agent() -> str:
    return f"fairlead/{version('fairlead')}"
