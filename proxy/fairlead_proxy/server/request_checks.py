"""What a request's head must be before anything else is looked at: stricter than HTTP where looseness is a weapon."""

import re
from collections.abc import Mapping

from fairlead_proxy.exchange.errors import Answer, CallRefused
from fairlead_proxy.server.request import HTTP_1_0, HTTP_1_1, Request

REQUEST_ID_CHARACTERS = 128

KEY_HEADERS = frozenset({"authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie", "proxy-authorization"})
"""What says who is calling. None of it goes further than the question who that is."""

FRAMING_HEADERS = frozenset({"content-length", "transfer-encoding"})
"""What says how a body came. It is whole when it is handed on, and has a length of its own."""

_SINGLE = frozenset(
    {
        "authorization",
        "api-key",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "origin",
        "transfer-encoding",
        "x-api-key",
        "x-fairlead-intent",
        "x-fairlead-namespace",
        "x-goog-api-key",
    }
)
"""Headers of which a second one would leave open which of the two counts."""

_UNTOUCHABLE = _SINGLE | KEY_HEADERS
_PLAIN_OPTIONS = frozenset({"", "keep-alive", "close"})
_REQUEST_ID = re.compile(r"[!-~]+")
_BODYLESS = frozenset({"GET", "HEAD"})


def read_headers(request: Request) -> None:
    """Set the headers by lower-case name, several of one name joined; raise CallRefused for a head we do not take.

    Headers that `Connection` names end here (RFC 9110, section 7.6.1); naming one that we act on is an attack.
    """
    if request.version not in (HTTP_1_0, HTTP_1_1):
        raise CallRefused(Answer(505, "version_not_supported", "This gateway speaks HTTP/1.1 and HTTP/1.0."))
    headers: dict[str, str] = {}
    for raw_name, raw_value in request.raw_headers:
        name = _NAMES[raw_name]
        value = raw_value.strip(b" \t").decode("utf-8", "surrogateescape")
        if name not in headers:
            headers[name] = value
        elif name in _SINGLE:
            raise _refused(f"the header {name} comes more than once")
        else:
            headers[name] = f"{headers[name]}, {value}"
    if not request.target.startswith("/"):
        raise _refused("the target is not a path")
    if request.version == HTTP_1_1 and "host" not in headers:
        raise _refused("the header host is missing")
    _check_framing(request, headers)
    request.keep_alive = _check_connection(headers) and request.version == HTTP_1_1
    request.headers = headers
    request.raw_headers = []


def request_id_of(headers: Mapping[str, str]) -> str:
    """Return the caller's own id of this call; empty where it sent none, or none that fits a header and a log line."""
    given = headers.get("x-request-id", "")
    return given if len(given) <= REQUEST_ID_CHARACTERS and _REQUEST_ID.fullmatch(given) else ""


def _check_framing(request: Request, headers: Mapping[str, str]) -> None:
    encoding = headers.get("transfer-encoding")
    if encoding is not None and request.version == HTTP_1_0:
        raise _refused("HTTP/1.0 knows no Transfer-Encoding")
    if encoding is not None and encoding.strip().lower() != "chunked":
        raise _refused("the only Transfer-Encoding taken is chunked")
    if encoding is not None and "content-length" in headers:
        raise _refused("Content-Length and Transfer-Encoding exclude each other")
    if request.method in _BODYLESS and (encoding is not None or headers.get("content-length", "0") != "0"):
        raise _refused(f"a {request.method} request has no body")
    if headers.get("expect", "100-continue").strip().lower() != "100-continue":
        raise CallRefused(Answer(417, "expectation_failed", "The only expectation that is met is 100-continue."))


def _check_connection(headers: dict[str, str]) -> bool:
    """Say whether the connection may go on, and drop what belongs to it alone."""
    upgrade = headers.get("upgrade", "").strip().lower()
    # Java's client offers h2c with every first request; RFC 9110, section 7.8, lets a server go on in HTTP/1.1.
    if upgrade not in ("", "h2c"):
        raise CallRefused(Answer(426, "upgrade_not_supported", "This gateway speaks HTTP/1.1 and does not upgrade."))
    goes_on = "upgrade" not in headers
    options = headers.get("connection", "").lower()
    if options in _PLAIN_OPTIONS:
        headers.pop("keep-alive", None)
        return goes_on and options != "close"
    for option in options.split(","):
        name = option.strip()
        if name in _UNTOUCHABLE or name.startswith("x-fairlead-"):
            raise _refused(f"Connection names the header {name}")
        if name == "close":
            goes_on = False
        elif name != "connection":
            headers.pop(name, None)
    return goes_on


class _Names(dict[bytes, str]):
    """Header names in lower case; the same few come again and again."""

    def __missing__(self, raw_name: bytes) -> str:
        name = raw_name.decode("latin-1").lower()
        if "_" in name:
            raise _refused("a header's name holds an underscore")
        if len(self) >= 1024:
            self.clear()
        self[raw_name] = name
        return name


_NAMES = _Names()


def _refused(why: str) -> CallRefused:
    return CallRefused(Answer(400, "malformed_request", f"The request is refused: {why}."))
