"""Which dialect stands at which path, as each vendor documents it."""

import re
from dataclasses import dataclass
from urllib.parse import unquote

from doubles.scripted.turn import Place, Unfit
from doubles.scripted.wire import Request

CHAT, RESPONSES, ANTHROPIC, GEMINI, BEDROCK = (
    "openai-chat",
    "openai-responses",
    "anthropic-messages",
    "gemini",
    "bedrock-converse",
)

_DEPLOYMENT = re.compile(r"/openai/deployments/([^/]+)/(chat/completions|responses)$")
_CLAUDE = re.compile(r"/publishers/anthropic/models/([^/:]+):(rawPredict|streamRawPredict)$")
_GEMINI = re.compile(r"/models/([^/:]+):(generateContent|streamGenerateContent|countTokens)$")
_BEDROCK = re.compile(r"/model/([^/]+)/(converse|converse-stream|count-tokens)$")


@dataclass(frozen=True)
class _Ending:
    end: str
    dialect: str
    counts: bool = False


_ENDINGS = (
    _Ending("/chat/completions", CHAT),
    _Ending("/responses", RESPONSES),
    _Ending("/responses/input_tokens", RESPONSES, counts=True),
    _Ending("/v1/messages", ANTHROPIC),
    _Ending("/v1/messages/count_tokens", ANTHROPIC, counts=True),
)


def place_of(request: Request) -> Place | None:
    """Return what stands at the path of a POST; None: nothing. Raises Unfit for a path that its vendor refuses."""
    path = request.place
    if found := _DEPLOYMENT.search(path):
        # https://learn.microsoft.com/azure/ai-foundry/openai/reference
        if "api-version" not in request.query:
            raise Unfit("Resource not found", http_status=404, code="404")
        return Place(CHAT if found[2].startswith("chat") else RESPONSES, "Azure", unquote(found[1]))
    if found := _CLAUDE.search(path):
        counts = found[1] == "count-tokens"
        model = "" if counts else unquote(found[1])
        return Place(ANTHROPIC, "Vertex AI", model, stream=found[2] == "streamRawPredict", counts=counts)
    if found := _GEMINI.search(path):
        vendor = "Vertex AI" if "/publishers/google/" in path else "Gemini API"
        return Place(
            GEMINI,
            vendor,
            unquote(found[1]),
            stream=found[2] == "streamGenerateContent",
            counts=found[2] == "countTokens",
            sse=request.query.get("alt") == "sse",
        )
    if found := _BEDROCK.search(path):
        stream, counts = found[2] == "converse-stream", found[2] == "count-tokens"
        return Place(BEDROCK, "Bedrock", unquote(found[1]), stream=stream, counts=counts)
    for ending in _ENDINGS:
        if path.endswith(ending.end):
            vendor = "Anthropic" if ending.dialect == ANTHROPIC else "Azure" if "/openai/v1/" in path else "OpenAI"
            return Place(ending.dialect, vendor, counts=ending.counts)
    return None


def dialect_near(path: str) -> str:
    """Return the dialect in which to say that nothing stands at a path."""
    if "/models/" in path or "/publishers/" in path:
        return GEMINI
    if "/model/" in path:
        return BEDROCK
    return ANTHROPIC if "/messages" in path else CHAT
