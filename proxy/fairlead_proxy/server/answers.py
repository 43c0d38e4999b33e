"""The answers that the edge gives by itself, before a call reaches the gateway."""

from fairlead_proxy.dialects.registry import OPENAI_CHAT
from fairlead_proxy.exchange.errors import Answer
from fairlead_proxy.exchange.header_lines import encode_lines
from fairlead_proxy.server.answer_head import CLOSE_LINE, JSON_LINE, STATUS_LINES
from fairlead_proxy.server.surfaces import SERVED

SUPPORTED = ", ".join(SERVED)

NOT_READY = Answer(503, "not_ready", "This proxy has no configuration yet.", headers=(("retry-after", "1"),))
OVERLOADED = Answer(503, "overloaded", "This proxy serves as many calls as it can.", headers=(("retry-after", "1"),))
UNKNOWN_PATH = Answer(404, "unknown_path", f"There is nothing at this path. This gateway serves {SUPPORTED}.")
UNKNOWN_MODEL = Answer(404, "model_not_found", "The model does not exist.", "model")
ORIGIN_REFUSED = Answer(
    403, "origin_refused", "Requests of web pages are refused: a gateway without API keys must not spend yours on them."
)
NOT_JSON = Answer(
    415, "unsupported_media_type", "A gateway without API keys takes only bodies of content-type application/json."
)


def wrong_method(allowed: tuple[str, ...]) -> Answer:
    names = ", ".join(allowed)
    return Answer(405, "method_not_allowed", f"This path takes {names}.", headers=(("allow", names),))


def render_closing_answer(answer: Answer, date_line: bytes) -> bytes:
    """Return a whole answer, head and body, after which the connection ends."""
    body = OPENAI_CHAT.render_error(answer)
    described = b"%b%bcontent-length: %d\r\n%b%b" % (
        encode_lines(answer.headers),
        JSON_LINE,
        len(body),
        CLOSE_LINE,
        date_line,
    )
    return b"%b%b\r\n%b" % (STATUS_LINES[answer.status], described, body)
