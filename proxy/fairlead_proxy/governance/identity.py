"""Who is calling: an API key becomes a tenant, decided without any I/O."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from fairlead_proxy.contract.config import Gateway
from fairlead_proxy.contract.keys import CallerKey, KeyRing
from fairlead_proxy.exchange.errors import Answer

NAMESPACE_HEADER = "x-fairlead-namespace"
STANDALONE_TENANT = "default"
KEY_CHARACTERS = 4096
"""The longest key that is looked up; a default."""

UNAUTHORIZED = Answer(
    401,
    "invalid_api_key",
    "Incorrect or missing API key. Send it as `Authorization: Bearer <key>`, x-api-key or x-goog-api-key.",
    headers=(("www-authenticate", "Bearer"),),
)
"""The one answer to an unknown, expired, disabled or foreign key, so that nothing can be learnt from it."""

BAD_NAMESPACE = Answer(
    400, "invalid_namespace", f"The header {NAMESPACE_HEADER} must be a namespace: a DNS label.", NAMESPACE_HEADER
)

_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_BARE_KEY_HEADERS = ("x-api-key", "api-key", "x-goog-api-key")
"""Anthropic's, Azure's and Google's clients; OpenAI's, and Anthropic's newest, send a bearer token."""
_NOBODY = CallerKey(sha256="0" * 64, tenant="", name="")


@dataclass(frozen=True, slots=True)
class Identity:
    """A caller: the namespace whose models it may name, and the key it came with (empty in open standalone).

    `expires_at`: when the key does, in Unix seconds; it is no part of who somebody is.
    """

    tenant: str
    key_name: str = ""
    expires_at: float | None = field(default=None, compare=False)


def index_callers(keys: KeyRing) -> dict[str, CallerKey]:
    """Return the callers' keys by fingerprint. The first of two equal ones holds, as the compiler orders them."""
    callers: dict[str, CallerKey] = {}
    for caller in keys.callers:
        callers.setdefault(caller.sha256, caller)
    return callers


def identify(
    callers: Mapping[str, CallerKey],
    gateway: Gateway,
    headers: Mapping[str, str],
    now: float,
    *,
    open_standalone: bool,
    query_key: str = "",
) -> Identity | Answer:
    """Return who is calling, or the answer that refuses the call. `headers` holds lower-case names.

    `query_key`: the key that the request's target brings, where it brings one.

    `open_standalone` serves a gateway that has no authentication method; without it such a gateway refuses everyone.
    """
    if not gateway.api_keys:
        return _standalone_identity(headers) if open_standalone else UNAUTHORIZED
    presented = _presented_key(headers) or query_key[:KEY_CHARACTERS]
    if not presented:
        return UNAUTHORIZED
    fingerprint = hashlib.sha256(presented.encode("utf-8", "surrogateescape")).hexdigest()
    caller = callers.get(fingerprint, _NOBODY)
    known = hmac.compare_digest(caller.sha256, fingerprint)
    expired = caller.expires_at is not None and caller.expires_at <= now
    if not known or expired or not gateway.admits(caller.tenant):
        return UNAUTHORIZED
    return Identity(caller.tenant, caller.name, caller.expires_at)


def _standalone_identity(headers: Mapping[str, str]) -> Identity | Answer:
    namespace = headers.get(NAMESPACE_HEADER)
    if namespace is None:
        return Identity(STANDALONE_TENANT)
    return Identity(namespace) if _DNS_LABEL.fullmatch(namespace) else BAD_NAMESPACE


def _presented_key(headers: Mapping[str, str]) -> str:
    """Return the key that came along; empty where there is none, or none that could be one."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else ""
    presented = bearer
    if not presented:
        given = (headers.get(name, "").strip() for name in _BARE_KEY_HEADERS)
        presented = next((key for key in given if key), "")
    return presented if len(presented) <= KEY_CHARACTERS else ""
