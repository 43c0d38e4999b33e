"""The forms of a provider's key: what the key ring gets of them, and that no fault quotes any of it."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead_operator.compiler.key_material import KeyFault, read_key
from fairlead_proxy.contract.names import ProviderType

SECRET = "canary-0123456789"
ACCOUNT = {
    "type": "service_account",
    "client_email": "gateway@my-project.iam.gserviceaccount.com",
    "private_key": "-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----\n",
    "token_uri": "https://oauth2.googleapis.com/token",
}
AWS = {"accessKeyId": "AKIA", "secretAccessKey": SECRET}
ENTRA = {"tenantId": "t", "clientId": "c", "clientSecret": SECRET}
texts = st.text(max_size=8)
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(st.sampled_from([*ACCOUNT, *AWS, *ENTRA, "AccessKeyId"]) | texts, below, max_size=6)
    ),
    max_leaves=10,
)


def content_of(key: str | KeyFault) -> Any:
    assert isinstance(key, str), key
    return json.loads(key)


@pytest.mark.parametrize("provider_type", ProviderType)
def test_a_text_is_a_key_of_every_type_as_it_stands(provider_type: ProviderType) -> None:
    assert read_key(provider_type, SECRET.encode()) == SECRET


@pytest.mark.parametrize(
    ("provider_type", "given_content", "kept"),
    [
        (ProviderType.VERTEX_AI, ACCOUNT | {"project_id": "my-project"}, ACCOUNT),
        (
            ProviderType.VERTEX_AI,
            ACCOUNT | {"universe_domain": "a.example"},
            ACCOUNT | {"universe_domain": "a.example"},
        ),
        (ProviderType.BEDROCK, AWS, AWS),
        (ProviderType.BEDROCK, AWS | {"sessionToken": ""}, AWS),
        (
            ProviderType.BEDROCK,
            {"Version": 1, "AccessKeyId": "AKIA", "SecretAccessKey": SECRET, "SessionToken": "t"},
            AWS | {"sessionToken": "t"},
        ),
        (ProviderType.BEDROCK, {"Credentials": {"AccessKeyId": "AKIA", "SecretAccessKey": SECRET}}, AWS),
        (ProviderType.BEDROCK, {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": SECRET}, AWS),
        (ProviderType.AZURE_OPENAI, ENTRA, ENTRA),
        (ProviderType.AZURE_OPENAI, ENTRA | {"scope": "s", "note": "n"}, ENTRA | {"scope": "s"}),
        (
            ProviderType.AZURE_OPENAI,
            {"appId": "c", "displayName": "gateway", "password": SECRET, "tenant": "t"},
            ENTRA,
        ),
    ],
)
def test_json_of_every_spelling_comes_into_one_line_with_what_a_token_takes(
    provider_type: ProviderType, given_content: dict[str, Any], kept: dict[str, str]
) -> None:
    key = read_key(provider_type, b"\n  " + json.dumps(given_content, indent=2).encode())
    assert content_of(key) == kept
    assert isinstance(key, str)
    assert "\n" not in key


def test_the_order_in_which_json_is_written_makes_no_other_key() -> None:
    backwards = dict(reversed(AWS.items()))
    one, other = (read_key(ProviderType.BEDROCK, json.dumps(each).encode()) for each in (AWS, backwards))
    assert one == other


@pytest.mark.parametrize(
    ("provider_type", "value", "fault"),
    [
        (ProviderType.OPENAI, json.dumps(AWS), "holds spaces, control or non-ASCII characters"),
        (ProviderType.VERTEX_AI, "two words", "holds spaces, control or non-ASCII characters"),
        (ProviderType.BEDROCK, "{" + SECRET, "begins like JSON and is none"),
        (ProviderType.BEDROCK, "{" + '"a":{' * 100_000, "begins like JSON and is none"),
        (ProviderType.BEDROCK, json.dumps({"Keys": AWS}), "without accessKeyId and secretAccessKey"),
        (ProviderType.BEDROCK, json.dumps(AWS | {"secretAccessKey": None}), "without secretAccessKey;"),
        (ProviderType.AZURE_OPENAI, json.dumps(ENTRA | {"tenantId": ""}), "without tenantId;"),
        (ProviderType.VERTEX_AI, json.dumps(ACCOUNT | {"type": SECRET}), "whose type is not service_account"),
        (ProviderType.VERTEX_AI, json.dumps({"type": "service_account"}), "without client_email and private_key;"),
    ],
)
def test_a_fault_says_what_is_missing_and_quotes_nothing(provider_type: ProviderType, value: str, fault: str) -> None:
    found = read_key(provider_type, value.encode())
    assert isinstance(found, KeyFault)
    assert fault in found.message
    assert SECRET not in found.message


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(ProviderType), documents.map(json.dumps).map(str.encode) | st.binary(max_size=40))
def test_whatever_stands_there_is_printable_ascii_or_a_fault(provider_type: ProviderType, value: bytes) -> None:
    found = read_key(provider_type, value)
    assert isinstance(found, KeyFault) or (found.isascii() and (found.isprintable()))
