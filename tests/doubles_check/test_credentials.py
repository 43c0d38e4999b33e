"""A strict provider wants the credential of its vendor, and gives the tokens that it takes."""

import base64
import json
import time
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from doubles.processes import ScriptedUpstream
from doubles_check.raw_calls import ANTHROPIC, BEDROCK, CHAT, GEMINI, post

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
VERTEX = "/v1/projects/p/locations/l/publishers/google/models/m:generateContent"
AZURE = "/openai/deployments/d/chat/completions?api-version=2024-10-21"
VERSION = {"anthropic-version": "2023-06-01"}


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def assertion(**claims: Any) -> str:
    now = int(time.time())
    told = {"iss": "me", "aud": "there", "scope": "s", "iat": now, "exp": now + 3600} | claims
    signed = f"{encoded(json.dumps({'alg': 'RS256'}).encode())}.{encoded(json.dumps(told).encode())}"
    return f"{signed}.{encoded(KEY.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def google_token(upstream: ScriptedUpstream, given: str) -> Any:
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": given}
    return post(upstream, "/token", urlencode(form))


def entra_token(upstream: ScriptedUpstream, **more: str) -> Any:
    form = {"grant_type": "client_credentials", "client_id": "c", "client_secret": "s"}
    scope = {"scope": "https://cognitiveservices.azure.com/.default"}
    return post(upstream, "/tenant/oauth2/v2.0/token", urlencode(form | scope | more))


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        (CHAT.plain, CHAT.body, {}, 401),
        (CHAT.plain, CHAT.body, bearer("bad"), 401),
        (CHAT.plain, CHAT.body, bearer("good"), 200),
        (AZURE, CHAT.body, bearer("good"), 401),
        (AZURE, CHAT.body, {"api-key": "good"}, 200),
        (ANTHROPIC.plain, ANTHROPIC.body, {"x-api-key": "good"}, 400),
        (ANTHROPIC.plain, ANTHROPIC.body, VERSION, 401),
        (ANTHROPIC.plain, ANTHROPIC.body, VERSION | {"x-api-key": "good"}, 200),
        (ANTHROPIC.plain, ANTHROPIC.body, VERSION | bearer("good"), 200),
        (GEMINI.plain, GEMINI.body, {}, 403),
        (GEMINI.plain, GEMINI.body, {"x-goog-api-key": "bad"}, 400),
        (GEMINI.plain, GEMINI.body, {"x-goog-api-key": "good"}, 200),
        (VERTEX, GEMINI.body, bearer("bad"), 401),
        (BEDROCK.plain, BEDROCK.body, {}, 403),
        (BEDROCK.plain, BEDROCK.body, bearer("good"), 200),
    ],
)
def test_a_credential_is_taken_where_its_vendor_takes_it(
    upstream: ScriptedUpstream, path: str, body: Any, headers: dict[str, str], status: int
) -> None:
    upstream.obey(strict_credentials=True, api_keys=["good"])
    assert post(upstream, path, json.dumps(body), headers=headers).status == status


def test_google_gives_a_token_that_vertex_takes(upstream: ScriptedUpstream) -> None:
    upstream.obey(strict_credentials=True, google_public_key=PEM)
    token = google_token(upstream, assertion()).json()
    assert (token["token_type"], token["expires_in"]) == ("Bearer", 3600)
    assert token["access_token"].startswith("token-")
    assert post(upstream, VERTEX, json.dumps(GEMINI.body), headers=bearer(token["access_token"])).status == 200


@pytest.mark.parametrize("given", ["", "a.b", assertion(exp=1), assertion(scope=""), assertion()[:-8] + "AAAAAAAA"])
def test_google_refuses_a_bad_assertion(upstream: ScriptedUpstream, given: str) -> None:
    upstream.obey(google_public_key=PEM)
    came = google_token(upstream, given)
    assert came.status == 400
    assert came.json()["error"] in ("invalid_grant", "invalid_scope")


def test_entra_gives_a_token_that_azure_takes(upstream: ScriptedUpstream) -> None:
    upstream.obey(strict_credentials=True, entra_secret="s")
    token = entra_token(upstream).json()["access_token"]
    assert post(upstream, AZURE, json.dumps(CHAT.body), headers=bearer(token)).status == 200
    assert entra_token(upstream, client_secret="wrong").json()["error"] == "invalid_client"


def test_a_token_is_good_for_as_long_as_was_said(upstream: ScriptedUpstream) -> None:
    upstream.obey(strict_credentials=True, token_seconds=0)
    token = entra_token(upstream).json()["access_token"]
    assert post(upstream, AZURE, json.dumps(CHAT.body), headers=bearer(token)).status == 401


def test_token_endpoints_fail_when_told_to(upstream: ScriptedUpstream) -> None:
    upstream.obey(token_status=503)
    assert (entra_token(upstream).status, google_token(upstream, assertion()).status) == (503, 503)
