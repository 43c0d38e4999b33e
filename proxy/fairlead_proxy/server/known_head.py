"""The head that a connection's last call came with; when it comes again, it need not be read and checked again."""

import re

from fairlead_proxy.server.admission import Admission
from fairlead_proxy.server.limits import Limits
from fairlead_proxy.server.request import Request

LONGEST_BYTES = 4096
"""A longer head is not remembered: there is one for each connection. A default."""

_FOREIGN = ("transfer-encoding", "content-encoding", "expect")
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,8})(?=\r\n)", re.IGNORECASE)


class KnownHead:
    """A head but for the digits of its length, what it said, and what the service found out about it.

    Why nothing is lost by not reading it again: what the parser and the checks say of a head depends on its bytes
    alone, as each head is read by a parser of its own. The bytes are the same from the first one to the empty line, but
    for the value of the one Content-Length; and of that value they ask no more than that it is made of digits and fits
    64 bits. It says where the body ends, and a body that does not end exactly where the bytes do is left to the parser.
    There is no other framing, no expectation and no upgrade in a head that is remembered. What does not depend on the
    bytes (what is in force, the expiry of a key, how much is under way) is asked anew by `Service.readmit`.
    """

    __slots__ = ("_after", "_before", "_longest_body", "admission", "request")

    def __init__(self, before: bytes, after: bytes, request: Request, admission: Admission, longest_body: int) -> None:
        self._before = before
        self._after = after
        self._longest_body = longest_body
        self.request = request
        self.admission = admission

    def body_in(self, data: bytes) -> bytes | None:
        """Return the body, if these bytes are this head and a body that ends where they do; else None."""
        before, after = self._before, self._after
        if not data.startswith(before):
            return None
        end = data.find(b"\r", len(before), len(before) + 9)
        if end < 0 or not data.startswith(after, end):
            return None
        digits = data[len(before) : end]
        begin = end + len(after)
        if not digits.isdigit() or int(digits) != len(data) - begin or len(data) - begin > self._longest_body:
            return None
        return data[begin:]


def remember(head: bytes, request: Request, admission: Admission, limits: Limits) -> KnownHead | None:
    """Return what to remember of a head that was admitted; None where it is of a kind that has to be read each time."""
    headers = request.headers
    if len(head) > LONGEST_BYTES or not request.keep_alive or any(name in headers for name in _FOREIGN):
        return None
    length = _LENGTH.search(head)
    if length is None or _LENGTH.search(head, length.end()) is not None:
        return None
    begin, end = length.span(1)
    return KnownHead(head[:begin], head[end:], request, admission, limits.body_bytes)
