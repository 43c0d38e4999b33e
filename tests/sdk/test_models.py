"""The virtual models, as each vendor's SDK lists and looks up models."""

import anthropic
import openai
import pytest
from google import genai
from google.genai import errors as genai_errors
from google.genai import types as genai_types
from sdk.conftest import MODELS, House

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")
"""google-genai makes such a class."""


def of_openai(house: House) -> openai.OpenAI:
    return openai.OpenAI(base_url=house.gateway.url, api_key="key", max_retries=0, timeout=20)


def of_anthropic(house: House) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=house.host, api_key="key", max_retries=0, timeout=20)


def of_google(house: House, version: str = "v1beta") -> genai.Client:
    options = genai_types.HttpOptions(base_url=house.host, api_version=version, timeout=20_000)
    return genai.Client(api_key="key", http_options=options, vertexai=False)


def test_openai_lists_the_virtual_models(house: House) -> None:
    with of_openai(house) as client:
        listed = list(client.models.list())
    assert [model.id for model in listed] == sorted(MODELS)
    assert {(model.object, model.owned_by) for model in listed} == {("model", "fairlead")}


def test_openai_looks_one_up(house: House) -> None:
    with of_openai(house) as client:
        model = client.models.retrieve("vertex-claude")
    assert (model.id, model.object) == ("vertex-claude", "model")


def test_openai_is_told_of_a_model_that_is_not_there(house: House) -> None:
    with of_openai(house) as client, pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("absent")
    assert caught.value.code == "model_not_found"


def test_anthropic_lists_the_virtual_models_on_one_page(house: House) -> None:
    with of_anthropic(house) as client:
        page = client.models.list()
        assert [model.id for model in page] == sorted(MODELS)
    assert (page.first_id, page.last_id, page.has_more) == (min(MODELS), max(MODELS), False)
    assert {(model.type, model.id == model.display_name) for model in page.data} == {("model", True)}


def test_anthropic_looks_one_up(house: House) -> None:
    with of_anthropic(house) as client:
        model = client.models.retrieve("bedrock")
    assert (model.type, model.id, model.display_name) == ("model", "bedrock", "bedrock")


def test_anthropic_is_told_of_a_model_that_is_not_there(house: House) -> None:
    with of_anthropic(house) as client, pytest.raises(anthropic.NotFoundError) as caught:
        client.models.retrieve("absent")
    assert caught.value.type == "not_found_error"


@pytest.mark.parametrize("version", ["v1beta", "v1beta1", "v1"])
def test_google_lists_the_virtual_models_under_every_version(house: House, version: str) -> None:
    with of_google(house, version) as client:
        listed = list(client.models.list())
    assert [model.name for model in listed] == [f"models/{name}" for name in sorted(MODELS)]
    assert {"generateContent", "countTokens"} <= set(listed[0].supported_actions or [])


@pytest.mark.parametrize("name", ["gemini", "models/gemini"])
def test_google_looks_one_up_by_either_form_of_its_name(house: House, name: str) -> None:
    with of_google(house) as client:
        model = client.models.get(model=name)
    assert (model.name, model.display_name) == ("models/gemini", "gemini")


def test_google_is_told_of_a_model_that_is_not_there(house: House) -> None:
    with of_google(house) as client, pytest.raises(genai_errors.ClientError) as caught:
        client.models.get(model="absent")
    assert (caught.value.code, caught.value.status) == (404, "NOT_FOUND")


def test_google_s_client_of_vertex_is_served_with_a_key_of_the_gateway(house: House) -> None:
    house.upstream.behave()
    options = genai_types.HttpOptions(base_url=house.host, timeout=20_000)
    with genai.Client(vertexai=True, api_key="key", http_options=options) as client:
        answer = client.models.generate_content(model="bedrock", contents="say something")
    assert (answer.text or "").strip() == "alpha beta gamma delta epsilon"
    assert house.upstream.bill()["dialect"] == "bedrock-converse"
