"""The tables of errors in the guides: each row is provoked, and is what that vendor's SDK raises."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import anthropic
import openai
import pytest
from docs.conftest import SERVED_BY, key_of
from docs.fences import rows_below
from google import genai
from google.genai import errors as genai_errors
from google.genai import types as genai_types
from sdk.conftest import House

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")
"""google-genai makes such a class."""

HELLO: Any = [{"role": "user", "content": "Hello"}]
Row = list[str]
Call = Callable[..., object]


@dataclass(frozen=True)
class Provoked:
    """How an error comes about: which model is called with which key, and how its provider behaves.

    `asks`: what every API has a word for that some provider has not. `before`: how many calls fail before.
    """

    model: str = "smart"
    key: str = ""
    asks: bool = False
    before: int = 0
    behaviour: dict[str, Any] = field(default_factory=dict)


PROVOKED: dict[str, Provoked] = {
    "the provider does not accept the request; the message is the provider's": Provoked(
        behaviour={"kind": "status", "status": 400}
    ),
    "no target of the model is able to serve this request; the message names what is missing": Provoked(asks=True),
    "the key is missing, unknown, expired, or not one of this gateway": Provoked(key="none-that-anybody-has"),
    "the key's namespace has no such virtual model": Provoked("absent"),
    "no rule of the policy matches this call": Provoked("narrow"),
    "every target is rate limited or out of quota": Provoked("limited", behaviour={"kind": "status", "status": 429}),
    "every target failed": Provoked(behaviour={"kind": "status", "status": 500}),
    "every target is in a cooldown after failures, or has no key": Provoked(
        "resting", before=1, behaviour={"kind": "status", "status": 500}
    ),
    "every target failed, and the last one did not answer in time": Provoked("brief", behaviour={"kind": "hang"}),
}
"""By the last cell of the row."""


def call_chat(host: str, key: str, model: str, asks: bool, stream: bool = False) -> list[object]:
    with openai.OpenAI(base_url=f"{host}/v1", api_key=key, max_retries=0, timeout=20) as client:
        answer = client.chat.completions.create(model=model, messages=HELLO, n=1 + asks, stream=stream)
        return list(answer)


def call_responses(host: str, key: str, model: str, asks: bool, stream: bool = False) -> list[object]:
    tools: Any = [{"type": "web_search"}] * asks
    with openai.OpenAI(base_url=f"{host}/v1", api_key=key, max_retries=0, timeout=20) as client:
        return list(client.responses.create(model=model, input="Hello", tools=tools, stream=stream))


def call_messages(host: str, key: str, model: str, asks: bool, stream: bool = False) -> list[object]:
    tools: Any = [{"type": "web_search_20250305", "name": "web_search"}] * asks
    with anthropic.Anthropic(base_url=host, api_key=key, max_retries=0, timeout=20) as client:
        given: dict[str, Any] = {"model": model, "max_tokens": 100, "messages": HELLO, "tools": tools}
        return list(client.messages.create(**given, stream=stream))


def call_gemini(host: str, key: str, model: str, asks: bool, stream: bool = False) -> list[object]:
    options = genai_types.HttpOptions(base_url=host, timeout=20_000)
    tools: Any = [genai_types.Tool(google_search=genai_types.GoogleSearch())] * asks
    config = genai_types.GenerateContentConfig(tools=tools)
    with genai.Client(api_key=key, http_options=options, vertexai=False) as client:
        call: Any = client.models.generate_content_stream if stream else client.models.generate_content
        return list(call(model=model, contents="Hello", config=config))


CALLS: dict[str, Call] = {
    "openai-chat": call_chat,
    "openai-responses": call_responses,
    "anthropic": call_messages,
    "gemini": call_gemini,
}
FAILURES = (openai.APIError, anthropic.APIError, genai_errors.APIError)


def cells_of_openai(failure: Exception) -> Row:
    assert isinstance(failure, openai.APIStatusError)
    return [str(failure.status_code), type(failure).__name__, str(failure.code)]


def cells_of_anthropic(failure: Exception) -> Row:
    assert isinstance(failure, anthropic.APIStatusError)
    return [str(failure.status_code), type(failure).__name__, str(failure.type)]


def cells_of_google(failure: Exception) -> Row:
    assert isinstance(failure, genai_errors.APIError)
    reason = failure.details["error"]["details"][0]["reason"]
    return [str(failure.code), type(failure).__name__, str(failure.status), reason]


CELLS: dict[str, Callable[[Exception], Row]] = {
    "openai-chat": cells_of_openai,
    "openai-responses": cells_of_openai,
    "anthropic": cells_of_anthropic,
    "gemini": cells_of_google,
}
ROWS = [(page, row) for page in SERVED_BY for row in rows_below(page, "Errors")]


def fail(house: House, page: str, provoked: Provoked) -> Exception:
    call = CALLS[page]
    house.upstream.behave(**provoked.behaviour)
    key = provoked.key or key_of(page)
    for _ in range(provoked.before):
        with pytest.raises(FAILURES):
            call(house.host, key, provoked.model, provoked.asks)
    with pytest.raises(FAILURES) as caught:
        call(house.host, key, provoked.model, provoked.asks)
    return caught.value


@pytest.mark.parametrize(("page", "row"), ROWS, ids=[f"{page}: {row[0]} {row[-1]}" for page, row in ROWS])
def test_an_error_is_raised_as_its_row_says(guides_house: House, page: str, row: Row) -> None:
    failure = fail(guides_house, page, PROVOKED[row[-1]])
    assert CELLS[page](failure) == row[:-1]


@pytest.mark.parametrize("page", SERVED_BY)
def test_every_page_tells_of_every_error(page: str) -> None:
    assert sorted(row[-1] for row in rows_below(page, "Errors")) == sorted(PROVOKED)


@pytest.mark.parametrize("page", SERVED_BY)
def test_what_was_tried_everywhere_is_not_to_be_repeated_by_the_sdk(guides_house: House, page: str) -> None:
    failure: Any = fail(guides_house, page, PROVOKED["every target failed"])
    assert failure.response.headers["x-should-retry"] == "false"
    assert failure.response.headers["x-fairlead-attempts"] == "1"


@pytest.mark.parametrize(
    ("page", "raised"),
    [
        ("openai-chat", {"code": "upstream_failed"}),
        ("openai-responses", {"code": "upstream_failed"}),
        ("anthropic", {"status_code": 200, "type": "api_error"}),
        ("gemini", {"code": 502, "status": "UNAVAILABLE"}),
    ],
)
def test_a_stream_that_breaks_off_raises_as_its_page_says(
    guides_house: House, page: str, raised: dict[str, object]
) -> None:
    guides_house.upstream.behave("cut_after", before_tokens=3)
    with pytest.raises((openai.APIError, anthropic.APIStatusError, genai_errors.ServerError)) as caught:
        CALLS[page](guides_house.host, key_of(page), "smart", False, stream=True)
    assert {name: getattr(caught.value, name) for name in raised} == raised
