"""Counting tokens by each vendor's SDK: the provider's own count where it counts, a refusal that says so where not."""

from collections.abc import Callable
from typing import Any

import anthropic
import openai
import pytest
from google import genai
from google.genai import errors as genai_errors
from google.genai import types as genai_types
from sdk.conftest import COUNTING, UPSTREAMS, House

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")
"""google-genai makes such a class."""

TEXT = "how many tokens are these"
Count = Callable[[str, str], int]


def count_by_anthropic(host: str, model: str) -> int:
    with anthropic.Anthropic(base_url=host, api_key="key", max_retries=0, timeout=20) as client:
        messages: Any = [{"role": "user", "content": TEXT}]
        return client.messages.count_tokens(model=model, messages=messages).input_tokens


def count_by_google(host: str, model: str) -> int:
    options = genai_types.HttpOptions(base_url=host, timeout=20_000)
    with genai.Client(api_key="key", http_options=options, vertexai=False) as client:
        return client.models.count_tokens(model=model, contents=TEXT).total_tokens or 0


def count_by_openai(host: str, model: str) -> int:
    with openai.OpenAI(base_url=f"{host}/v1", api_key="key", max_retries=0, timeout=20) as client:
        return client.responses.input_tokens.count(model=model, input=TEXT).input_tokens


each_caller = pytest.mark.parametrize("count", [count_by_anthropic, count_by_google, count_by_openai])


@each_caller
@pytest.mark.parametrize("upstream", COUNTING)
def test_the_count_is_the_provider_s_own(house: House, count: Count, upstream: str) -> None:
    house.upstream.behave(cached_tokens=100)
    counted = count(house.host, upstream)
    bill = house.upstream.bill()
    assert (bill["refused"], bill["output_tokens"]) == ("", 0)
    assert counted == bill["input_tokens"] > 100


@each_caller
@pytest.mark.parametrize("upstream", sorted(set(UPSTREAMS) - set(COUNTING)))
def test_a_model_that_nobody_counts_for_is_refused_and_named(house: House, count: Count, upstream: str) -> None:
    asked = len(house.upstream.seen()["requests"])
    with pytest.raises((openai.BadRequestError, anthropic.BadRequestError, genai_errors.ClientError)) as caught:
        count(house.host, upstream)
    assert (getattr(caught.value, "status_code", None) or getattr(caught.value, "code", None)) == 400
    told = f"no target of the model '{upstream}' offers what this request needs: countTokens"
    assert told in str(caught.value)
    assert len(house.upstream.seen()["requests"]) == asked
