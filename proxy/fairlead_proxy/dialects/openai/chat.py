"""OpenAI's chat completions: the dialect, put together from its parts."""

from collections.abc import Iterable, Mapping

import msgspec

from fairlead_proxy.contract.names import FailureClass, Mode, ProviderType
from fairlead_proxy.dialects.dialect import Headers, ReadRequest, content_type_of
from fairlead_proxy.dialects.openai.answer import read_chat_answer
from fairlead_proxy.dialects.openai.errors import classify_answer, refuses_stream_options, render_openai_error
from fairlead_proxy.dialects.openai.request import read_chat_request, rewrite_chat_request
from fairlead_proxy.dialects.openai.stream import OpenAIChatRelay
from fairlead_proxy.exchange.errors import Answer, UpstreamFailure

PASSED_HEADERS = ("traceparent", "tracestate")
"""What a client may say to a provider beside the body: where its trace goes on, and nothing else.

Not `openai-organization`, `openai-project` or `openai-beta` (they spend or change the platform's account), and not
`idempotency-key` (tenants share the account: one could be answered with what another one asked).
"""


class OpenAIChat:
    """See Dialect. Source: https://platform.openai.com/docs/api-reference/chat"""

    path = "/chat/completions"
    models_path = "/models"

    read_request = staticmethod(read_chat_request)
    rewrite_request = staticmethod(rewrite_chat_request)
    read_answer = staticmethod(read_chat_answer)

    def upstream_headers(self, provider_type: ProviderType, key: str, *, mode: Mode) -> Headers:
        accept = "text/event-stream" if mode is Mode.STREAM else "application/json"
        return (("content-type", "application/json"), *_fixed_headers(accept, key))

    def passed_headers(self, client_headers: Mapping[str, str]) -> Headers:
        if "traceparent" not in client_headers and "tracestate" not in client_headers:
            return ()
        return tuple((name, client_headers[name]) for name in PASSED_HEADERS if name in client_headers)

    def probe_headers(self, provider_type: ProviderType, key: str) -> Headers:
        return _fixed_headers("application/json", key)

    def classify(self, status: int, headers: Headers, body: bytes, now: float) -> UpstreamFailure:
        return classify_answer(status, headers, body, now)

    def refuses_usage(self, status: int, body: bytes) -> bool:
        return refuses_stream_options(status, body)

    def is_stream(self, status: int, headers: Headers) -> bool:
        """See Dialect. A missing content type is taken on trust: the relay finds out before anything is sent."""
        if status != 200:
            return False
        kind = content_type_of(headers)
        return kind == "text/event-stream" or kind.partition(";")[0].strip().lower() in ("", "text/event-stream")

    def open_relay(self, request: ReadRequest, *, include_usage: bool) -> OpenAIChatRelay:
        return OpenAIChatRelay(hide_usage=include_usage and not request.wants_usage)

    def render_error(self, answer: Answer) -> bytes:
        return render_openai_error(answer)

    def render_stream_error(self, answer: Answer) -> bytes:
        """See Dialect. The openai SDK raises on `data: {"error": …}`; on a mere end it would stop quietly."""
        return b"data: " + render_openai_error(answer) + b"\n\n"

    def render_models(self, names: Iterable[str]) -> bytes:
        return msgspec.json.encode({"object": "list", "data": [_model(name) for name in names]})

    def render_model(self, name: str) -> bytes:
        return msgspec.json.encode(_model(name))


def _model(name: str) -> dict[str, str | int]:
    """Source: https://platform.openai.com/docs/api-reference/models/object; a virtual model has no date of birth."""
    return {"id": name, "object": "model", "created": 0, "owned_by": "fairlead"}


def _fixed_headers(accept: str, key: str) -> Headers:
    """Return what every request carries. Whitespace around a key is a slip of whoever wrote the Secret."""
    headers = (("accept", accept), ("accept-encoding", "identity"))
    key = key.strip()
    if not key:
        return headers
    if not (key.isascii() and key.isprintable()):
        raise UpstreamFailure(FailureClass.CREDENTIAL_REJECTED, "the key holds characters that no header can carry")
    return (*headers, ("authorization", f"Bearer {key}"))
