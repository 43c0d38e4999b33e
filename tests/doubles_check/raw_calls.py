"""Calls to the scripted provider without an SDK, one good request for each dialect, and what comes back as it is."""

import http.client
import json
from dataclasses import dataclass
from typing import Any

from doubles.processes import ScriptedUpstream

HELLO = "say something now"


@dataclass(frozen=True)
class Spoken:
    """A dialect's requests: where they go, and what they say."""

    dialect: str
    plain: str
    stream: str
    body: dict[str, Any]
    flag: bool
    """A stream is asked for in the body."""

    def __str__(self) -> str:
        return self.dialect


CHAT = Spoken(
    "openai-chat",
    "/v1/chat/completions",
    "/v1/chat/completions",
    {"model": "m", "messages": [{"role": "user", "content": HELLO}]},
    True,
)
RESPONSES = Spoken("openai-responses", "/v1/responses", "/v1/responses", {"model": "m", "input": HELLO}, True)
ANTHROPIC = Spoken(
    "anthropic-messages",
    "/v1/messages",
    "/v1/messages",
    {"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": HELLO}]},
    True,
)
GEMINI = Spoken(
    "gemini",
    "/v1beta/models/m:generateContent",
    "/v1beta/models/m:streamGenerateContent?alt=sse",
    {"contents": [{"role": "user", "parts": [{"text": HELLO}]}]},
    False,
)
BEDROCK = Spoken(
    "bedrock-converse",
    "/model/m/converse",
    "/model/m/converse-stream",
    {"messages": [{"role": "user", "content": [{"text": HELLO}]}]},
    False,
)
SPOKEN = [CHAT, RESPONSES, ANTHROPIC, GEMINI, BEDROCK]


@dataclass(frozen=True)
class Came:
    """An answer; `cut`: its body ended before HTTP's own end."""

    status: int
    headers: dict[str, str]
    body: bytes
    cut: bool = False

    def json(self) -> Any:
        return json.loads(self.body)


def call(upstream: ScriptedUpstream, spoken: Spoken, *, stream: bool, timeout: float = 5, **more: Any) -> Came:
    """Send the dialect's good request, with these members besides; raise OSError or HTTPException without an answer."""
    body = spoken.body | more | ({"stream": True} if stream and spoken.flag else {})
    return post(upstream, spoken.stream if stream else spoken.plain, json.dumps(body), timeout=timeout)


def post(
    upstream: ScriptedUpstream, path: str, body: str, *, timeout: float = 5, headers: dict[str, str] | None = None
) -> Came:
    connection = http.client.HTTPConnection("127.0.0.1", upstream.port, timeout=timeout)
    try:
        connection.request("POST", path, body, headers or {})
        answer = connection.getresponse()
        told = {name.lower(): value for name, value in answer.getheaders()}
        try:
            return Came(answer.status, told, answer.read())
        except http.client.IncompleteRead as cut:
            return Came(answer.status, told, cut.partial, cut=True)
    finally:
        connection.close()
