"""A caller that stops listening, by whichever SDK: its provider is cut off, and what it used is booked."""

from collections.abc import Callable
from typing import Any

import anthropic
import openai
import pytest
from doubles.processes import eventually
from google import genai
from sdk.conftest import UPSTREAMS, House

QUESTION: Any = [{"role": "user", "content": "say something long"}]

each_upstream = pytest.mark.parametrize("upstream", UPSTREAMS)


def leave_chat(host: str, model: str) -> str:
    with openai.OpenAI(base_url=f"{host}/v1", api_key="key", max_retries=0) as client:
        answer = client.chat.completions.with_raw_response.create(model=model, messages=QUESTION, stream=True)
        next(iter(answer.parse()))
        answer.http_response.close()
        return answer.headers["x-fairlead-decision"]


def leave_responses(host: str, model: str) -> str:
    with openai.OpenAI(base_url=f"{host}/v1", api_key="key", max_retries=0) as client:
        answer = client.responses.with_raw_response.create(model=model, input="say something long", stream=True)
        next(iter(answer.parse()))
        answer.http_response.close()
        return answer.headers["x-fairlead-decision"]


def leave_messages(host: str, model: str) -> str:
    with (
        anthropic.Anthropic(base_url=host, api_key="key", max_retries=0) as client,
        client.messages.stream(model=model, max_tokens=9000, messages=QUESTION) as stream,
    ):
        next(iter(stream.text_stream))
        return stream.response.headers["x-fairlead-decision"]


def leave_gemini(host: str, model: str) -> str:
    client = genai.Client(api_key="key", http_options=genai.types.HttpOptions(base_url=host))
    try:
        chunks = client.models.generate_content_stream(model=model, contents="say something long")
        first = next(chunks)
        chunks.close()  # type: ignore[attr-defined]  # a generator, though it is declared as an iterator
        assert first.sdk_http_response is not None
        assert first.sdk_http_response.headers is not None
        return first.sdk_http_response.headers["x-fairlead-decision"]
    finally:
        client.close()


LEAVERS: dict[str, Callable[[str, str], str]] = {
    "chat": leave_chat,
    "responses": leave_responses,
    "messages": leave_messages,
    "gemini": leave_gemini,
}


@pytest.mark.parametrize("caller", LEAVERS)
@each_upstream
def test_a_stream_that_nobody_listens_to_any_more_is_cut_off_and_booked(
    house: House, caller: str, upstream: str
) -> None:
    house.upstream.behave(tokens=4000, pace=0.005)
    decision = LEAVERS[caller](house.host, upstream)
    record = eventually(lambda: house.gateway.decision(decision), within=10)
    assert record["attempts"][-1]["outcome"] == "ClientGone"
    assert record["attempts"][-1]["usage"]["output_tokens"] > 0
    bill = eventually(lambda: _cut(house), within=10)
    assert bill["output_tokens"] < 1000


def _cut(house: House) -> dict[str, Any]:
    bill: dict[str, Any] = house.upstream.seen()["invoice"][-1]
    return bill if bill["cut_at"] and not bill["whole"] else {}
