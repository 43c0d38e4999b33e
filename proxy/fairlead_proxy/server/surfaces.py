"""What is served at which path, and to callers of which dialect: of calls, of lists of models, and of errors."""

import re
from functools import lru_cache
from typing import Final
from urllib.parse import parse_qs, unquote

from msgspec import Struct

from fairlead_proxy.contract.names import Mode
from fairlead_proxy.dialects.dialect import CallerDialect
from fairlead_proxy.dialects.registry import (
    ANTHROPIC,
    ANTHROPIC_COUNT,
    GEMINI,
    GEMINI_COUNT,
    OPENAI_CHAT,
    OPENAI_INPUT_TOKENS,
    OPENAI_RESPONSES,
)
from fairlead_proxy.exchange.call import Named
from fairlead_proxy.exchange.errors import Answer, CallRefused
from fairlead_proxy.server.request import Request


class Surface(Struct, frozen=True):
    """Where calls are made: in which dialect, and what the path itself names."""

    dialect: CallerDialect
    named: Named | None = None


CALLS: Final[dict[str, Surface]] = {
    "/v1/chat/completions": Surface(OPENAI_CHAT),
    "/v1/responses": Surface(OPENAI_RESPONSES),
    "/v1/responses/input_tokens": Surface(OPENAI_INPUT_TOKENS),
    "/v1/messages": Surface(ANTHROPIC),
    "/v1/messages/count_tokens": Surface(ANTHROPIC_COUNT),
}

SERVED = (
    "POST /v1/chat/completions",
    "POST /v1/responses",
    "POST /v1/responses/input_tokens",
    "POST /v1/messages",
    "POST /v1/messages/count_tokens",
    "POST /v1beta/models/{model}:generateContent",
    "POST /v1beta/models/{model}:streamGenerateContent?alt=sse",
    "POST /v1beta/models/{model}:countTokens",
    "GET /v1/models",
    "GET /v1/models/{model}",
    "GET /v1beta/models",
    "GET /v1beta/models/{model}",
)

_GEMINI_CALL = re.compile(
    r"/(?:v1|v1beta|v1beta1)/(?:projects/[^/]+/locations/[^/]+/)?(?:publishers/google/)?models/"
    r"(?P<model>.+):(?P<method>generateContent|streamGenerateContent|countTokens)"
)
"""Google's clients name a project and a location, or a publisher, where they are set up for Vertex AI."""
_MODELS = re.compile(r"/(?P<version>v1|v1beta|v1beta1)/(?P<publisher>publishers/google/)?models(?:/(?P<model>.+))?")
_LONGEST_KEPT = 256
"""Of the paths whose reading is remembered: who calls with a new one each time has it read each time."""
_ARRAY_STREAM = Answer(
    400,
    "unsupported_stream",
    "Streams are served as server-sent events only: append ?alt=sse to the path, as Google's own SDKs do.",
    "alt",
)


class Listing(Struct, frozen=True):
    """Where models are listed, in the shape of a dialect; `model` names one of them."""

    dialect: CallerDialect
    model: str = ""


def call_surface(request: Request) -> Surface | None:
    """Return where a call is made, None for a path without any; raise CallRefused for a stream of a kind not served."""
    surface = CALLS.get(request.path)
    if surface is not None or ":" not in request.path:
        return surface
    found = _gemini_surface(request.path)
    streams = found is not None and found.named is not None and found.named.mode is Mode.STREAM
    if streams and parse_qs(request.target.partition("?")[2]).get("alt") != ["sse"]:
        raise CallRefused(_ARRAY_STREAM)
    return found


def is_call(request: Request) -> bool:
    """Say whether calls are made at this path, so that one which is refused there is booked."""
    return request.path in CALLS or _gemini_surface(request.path) is not None


def listing_of(request: Request) -> Listing | None:
    """Return which list of models a path shows; under /v1, where vendors share it, the caller's headers say whose."""
    found = _MODELS.fullmatch(request.path)
    if found is None or (request.method == "POST" and ":" in request.path):  # a method of Gemini's that is not served
        return None
    gemini = found["version"] != "v1" or found["publisher"] is not None
    return Listing(GEMINI if gemini else _dialect_by_headers(request), unquote(found["model"] or ""))


def error_dialect(request: Request) -> CallerDialect:
    """Return the dialect in which an error is told to whoever sent this, wherever it was sent to."""
    surface = CALLS.get(request.path)
    if surface is not None:
        return surface.dialect
    if request.path.startswith("/v1/messages"):
        return ANTHROPIC
    if request.path.startswith("/v1beta") or _GEMINI_CALL.fullmatch(request.path):
        return GEMINI
    return _dialect_by_headers(request)


def query_key(request: Request) -> str:
    """Return the API key that stands in the query, as Google's clients may put it there; empty where there is none."""
    query = request.target.partition("?")[2]
    return parse_qs(query).get("key", [""])[0] if "key=" in query else ""


def _gemini_surface(path: str) -> Surface | None:
    return _kept_gemini_surface(path) if len(path) <= _LONGEST_KEPT else _read_gemini_surface(path)


@lru_cache(maxsize=1024)
def _kept_gemini_surface(path: str) -> Surface | None:
    return _read_gemini_surface(path)


def _read_gemini_surface(path: str) -> Surface | None:
    found = _GEMINI_CALL.fullmatch(path)
    if found is None:
        return None
    stream = found["method"] == "streamGenerateContent"
    named = Named(unquote(found["model"]), Mode.STREAM if stream else Mode.PLAIN)
    return Surface(GEMINI_COUNT if found["method"] == "countTokens" else GEMINI, named)


def _dialect_by_headers(request: Request) -> CallerDialect:
    headers = request.headers
    if "anthropic-version" in headers:
        return ANTHROPIC
    if "x-goog-api-key" in headers or "x-goog-api-client" in headers or query_key(request):
        return GEMINI
    return OPENAI_CHAT
