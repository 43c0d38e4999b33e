"""Asking an OAuth token endpoint for a token, under the same rules as its provider, and reading what it says.

Source: RFC 6749, sections 4.4, 5.1 and 5.2.
"""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec

from fairlead_proxy.contract.config import Provider
from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.dialects.retry_hint import read_retry_hint
from fairlead_proxy.exchange.conversation import JsonObject
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.upstream.fetch import Fetched, fetch
from fairlead_proxy.upstream.transport import Lane, Transport

DEADLINE_SECONDS = 10.0
"""How long an answer of a token endpoint is waited for, connecting included; a default."""
UNTOLD_LIFE_SECONDS = 300.0
"""How long a token is used whose endpoint does not say how long it lasts; a default."""

_MOST_BYTES = 64 * 1024
_LONGEST_LIFE_SECONDS = 365 * 86400.0
_HEADERS = (
    ("content-type", "application/x-www-form-urlencoded"),
    ("accept", "application/json"),
    ("accept-encoding", "identity"),
)
_TOKEN = re.compile(r"[\x21-\x7e]+")
_REFUSALS = frozenset(
    {"access_denied", "invalid_client", "invalid_grant", "invalid_request", "invalid_scope", "unauthorized_client",
     "unsupported_grant_type"}
)  # fmt: skip
_TROUBLES = frozenset({"server_error", "temporarily_unavailable", "internal_failure"})
"""What an endpoint may say of itself, with whatever status."""


@dataclass(frozen=True, slots=True, repr=False)
class Granted:
    """A token that was given out, and for how long."""

    token: str
    life_seconds: float


async def ask_for_token(transport: Transport, provider: Provider, url: str, form: bytes) -> Fetched:
    """Send a form, and return the answer; raise UpstreamFailure where none comes. To be called under a deadline.

    The connection is the provider's own in all but the address: its namespace, rules of egress, authorities and
    forward proxy hold.
    """
    parts = urlsplit(url)
    endpoint = msgspec.structs.replace(provider, url=f"{parts.scheme}://{parts.netloc}")
    lane = Lane(endpoint, "POST", parts.path, _HEADERS, DEADLINE_SECONDS)
    return await fetch(transport, lane, form, most_bytes=_MOST_BYTES, reads=lambda status: True)


def read_token(answer: Fetched, now: float) -> Granted:
    """Return the token of an answer; raise the UpstreamFailure that it means. `now`: Unix seconds, for its hints."""
    members = _members(answer.body)
    if answer.status != 200:
        raise _failure(answer, members, now)
    token, life = members.get("access_token"), _seconds(members.get("expires_in"))
    if not isinstance(token, str) or not _TOKEN.fullmatch(token) or not life > 0:
        raise UpstreamFailure(FailureClass.MALFORMED_RESPONSE, "the token endpoint's answer holds no usable token")
    return Granted(token, life)


def _failure(answer: Fetched, members: JsonObject, now: float) -> UpstreamFailure:
    """The text that an endpoint writes beside its code is not told: it may name accounts, tenants and more."""
    status, code = answer.status, members.get("error")
    hint = read_retry_hint(answer.headers, now) if status == 429 or status >= 500 else None
    if status == 429:
        return UpstreamFailure(
            FailureClass.RATE_LIMITED, "the token endpoint is asked too often", retry_after_seconds=hint
        )
    if status >= 500 or (isinstance(code, str) and code in _TROUBLES):
        return UpstreamFailure(
            FailureClass.SERVER_ERROR, f"the token endpoint answers with status {status}", retry_after_seconds=hint
        )
    if isinstance(code, str) and code in _REFUSALS:
        return UpstreamFailure(FailureClass.CREDENTIAL_REJECTED, f"the token endpoint refuses the key: {code}")
    if status in (401, 403):
        return UpstreamFailure(FailureClass.CREDENTIAL_REJECTED, "the token endpoint refuses the key")
    return UpstreamFailure(FailureClass.MALFORMED_RESPONSE, f"what answers with status {status} is no token endpoint")


def _members(body: bytes) -> JsonObject:
    try:
        return msgspec.json.decode(body, type=JsonObject)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return {}


def _seconds(value: object) -> float:
    """Return how long a token lasts; 0 for what is no number. Azure's older endpoint writes it as a text."""
    if value is None:
        return UNTOLD_LIFE_SECONDS
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return 0.0
    try:
        return min(float(value), _LONGEST_LIFE_SECONDS)
    except (ValueError, OverflowError):
        return 0.0
