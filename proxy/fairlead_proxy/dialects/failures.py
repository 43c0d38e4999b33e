"""What the dialects' readings of a provider's error share: which answers reach a caller, and what is no API's."""

from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.dialects.dialect import MAX_ERROR_BYTES, Headers, content_type_of, media_type_of
from fairlead_proxy.dialects.json_text import is_object
from fairlead_proxy.exchange.errors import Relayed, UpstreamFailure

RELAYED_CLASSES = frozenset(
    {FailureClass.INVALID_REQUEST, FailureClass.CONTEXT_LENGTH_EXCEEDED, FailureClass.CONTENT_FILTERED}
)
"""The call's own nature: the provider's answer helps its caller (design, section 11)."""

_STATUS_SPEAKS = frozenset({401, 402, 404, 408, 410, 413, 429})
"""Statuses that mean the same with a page of HTML; any other client error with one comes from no chat API."""


def relayed_answer(failure: FailureClass, status: int, headers: Headers, body: bytes) -> Relayed | None:
    """Return the answer as the client may have it.

    None for another class, and for a body that is cut or of a kind that we do not pass on.
    """
    if failure not in RELAYED_CLASSES or len(body) >= MAX_ERROR_BYTES:
        return None
    kind = media_type_of(headers)
    if not (kind == "text/plain" or (kind == "application/json" and is_object(body))):
        return None
    return Relayed(status, content_type_of(headers), body)


def relayed_from_success(failure: FailureClass, body: bytes) -> Relayed | None:
    """Return an error that came under a good status as a 400, for the classes whose answer reaches the client."""
    if failure not in RELAYED_CLASSES or len(body) >= MAX_ERROR_BYTES or not is_object(body):
        return None
    return Relayed(400, "application/json", body)


def is_no_api(status: int, body: bytes) -> bool:
    """Say whether a page of HTML stands where an API's error should: a proxy's, a firewall's or a wrong address's."""
    return status not in _STATUS_SPEAKS and body.lstrip()[:1] == b"<"


def not_the_answer(status: int, what: str = "answer") -> UpstreamFailure:
    """Return the failure of a body that is neither an answer nor an error of its dialect."""
    detail = f"status {status}, but not the {what} asked for"
    return UpstreamFailure(FailureClass.MALFORMED_RESPONSE, detail, status=status)


def malformed(detail: str) -> UpstreamFailure:
    """Return the failure of what came under a good status, and is not the protocol."""
    return UpstreamFailure(FailureClass.MALFORMED_RESPONSE, detail, status=200)


def no_frame(*, whole: bool) -> UpstreamFailure:
    """Return the failure of a frame that is no JSON object; one that is not whole was cut off with its stream."""
    if whole:
        return malformed("a frame of the stream is not a JSON object")
    return UpstreamFailure(FailureClass.STREAM_BROKEN, "the stream was cut in a frame", status=200)


def ended_early() -> UpstreamFailure:
    """Return the failure of a stream whose body ended cleanly, but not where its dialect ends one."""
    return UpstreamFailure(FailureClass.STREAM_BROKEN, "the stream ended before its end", status=200)
