"""Signatures of AWS: as botocore makes them, as the vendor's document says, and over what goes out."""

import hashlib
import hmac
import json
from datetime import datetime

import pytest
from botocore.auth import SigV4Auth  # type: ignore[import-untyped]
from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]
from botocore.credentials import Credentials  # type: ignore[import-untyped]
from doubles.http_calls import Request, failure_of, read, send
from doubles.raw_server import Peer, RawServer, answer
from doubles.scripted_transport import ScriptedTransport

from fairlead_proxy.contract.config import Provider
from fairlead_proxy.contract.names import FailureClass, ProviderType
from fairlead_proxy.upstream.http_transport import HttpTransport
from fairlead_proxy.upstream.signing.signer import Signer
from fairlead_proxy.upstream.signing.signers import Signers
from fairlead_proxy.upstream.transport import Lane

KEY_ID, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
KEY = json.dumps({"accessKeyId": KEY_ID, "secretAccessKey": SECRET})
PATH = "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fus.anthropic.claude/converse"
BODY = b'{"messages":[]}'
NOON = 1440938160.0  # 2015-08-30T12:36:00Z


def provider_at(url: str = "https://bedrock-runtime.us-east-1.amazonaws.com", region: str = "us-east-1") -> Provider:
    return Provider(id="ai/aws", type=ProviderType.BEDROCK, url=url, region=region)


def lane_of(provider: Provider, path: str = PATH) -> Lane:
    return Lane(provider, "POST", path, (("content-type", "application/json"), ("accept", "application/json")))


def signer_of(provider: Provider, key: str = KEY) -> Signer:
    signer = Signers(ScriptedTransport({}), lambda: NOON).of(provider, key)
    assert signer is not None
    return signer


async def signed(lane: Lane, key: str = KEY, now: float = NOON) -> dict[str, str]:
    signer = signer_of(lane.provider, key)
    assert signer.headers(lane, BODY, now) is None
    await signer.ready()
    headers = signer.headers(lane, BODY, now)
    assert headers is not None
    return dict(headers)


def by_botocore(lane: Lane, token: str | None = None) -> dict[str, str]:
    """Let botocore sign the same request, at a time of its own."""
    url = lane.provider.url + lane.path
    request = AWSRequest(lane.method, url, {"content-type": "application/json"}, BODY)
    SigV4Auth(Credentials(KEY_ID, SECRET, token), "bedrock", lane.provider.region).add_auth(request)
    return {name.lower(): value for name, value in request.headers.items()}


@pytest.mark.parametrize(
    ("path", "token"),
    [
        (PATH, None),
        (PATH, "session/token=="),
        ("/model/amazon.nova-lite-v1%3A0/converse-stream", None),
        ("/models?a=b&A=%20", None),
    ],
)
async def test_a_signature_is_the_one_that_botocore_makes(path: str, token: str | None) -> None:
    lane = lane_of(provider_at(), path)
    expected = by_botocore(lane, token)
    moment = datetime.strptime(expected["x-amz-date"], "%Y%m%dT%H%M%S%z").timestamp()
    key = json.dumps({"accessKeyId": KEY_ID, "secretAccessKey": SECRET, "sessionToken": token})
    found = await signed(lane, key, moment)
    assert found["authorization"] == expected["authorization"]
    assert found.get("x-amz-security-token") == token


async def test_a_signature_is_what_the_document_says_step_by_step() -> None:
    found = await signed(lane_of(provider_at()))
    names = "content-type;host;x-amz-date"
    canonical = "\n".join(
        [
            "POST",
            PATH.replace("%", "%25"),
            "",
            "content-type:application/json",
            "host:bedrock-runtime.us-east-1.amazonaws.com",
            "x-amz-date:20150830T123600Z",
            "",
            names,
            hashlib.sha256(BODY).hexdigest(),
        ]
    )
    scope = "20150830/us-east-1/bedrock/aws4_request"
    to_sign = f"AWS4-HMAC-SHA256\n20150830T123600Z\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{SECRET}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    assert found == {
        "x-amz-date": "20150830T123600Z",
        "authorization": f"AWS4-HMAC-SHA256 Credential={KEY_ID}/{scope}, SignedHeaders={names}, Signature={signature}",
    }


async def test_what_goes_out_is_what_was_signed(transport: HttpTransport) -> None:
    heads: list[str] = []

    async def script(peer: Peer) -> None:
        head, _, _ = (await peer.request()).partition(b"\r\n\r\n")
        heads.append(head.decode())
        await peer.send(answer(b"{}"))

    async with RawServer(script) as server:
        provider = provider_at(f"http://127.0.0.1:{server.port}")
        lane = lane_of(provider)
        signer = signer_of(provider)
        await signer.ready()
        more = signer.headers(lane, BODY, NOON)
        assert more is not None
        await read(await send(transport, Request(lane, BODY, more)))
    line, *rest = heads[0].split("\r\n")
    sent = dict(header.split(": ", 1) for header in rest)
    assert line == f"POST {PATH} HTTP/1.1"
    request = AWSRequest("POST", f"http://{sent['host']}{line.split()[1]}", {}, BODY)
    for name in ("host", "content-type", "x-amz-date"):
        request.headers[name] = sent[name]
    request.context["timestamp"] = sent["x-amz-date"]
    auth = SigV4Auth(Credentials(KEY_ID, SECRET), "bedrock", "us-east-1")
    signature = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    assert sent["authorization"].endswith(f"Signature={signature}")


@pytest.mark.parametrize(
    "key",
    [
        {"AccessKeyId": KEY_ID, "SecretAccessKey": SECRET},
        {"Version": 1, "AccessKeyId": KEY_ID, "SecretAccessKey": SECRET, "SessionToken": ""},
        {"Credentials": {"AccessKeyId": KEY_ID, "SecretAccessKey": SECRET}},
        {"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET},
        {"aws_access_key_id": KEY_ID, "aws_secret_access_key": SECRET, "aws_session_token": None},
    ],
)
async def test_every_spelling_of_the_keys_signs_the_same(key: dict[str, object]) -> None:
    lane = lane_of(provider_at())
    assert await signed(lane, json.dumps(key)) == await signed(lane)


async def test_the_region_is_read_from_the_endpoint_where_none_is_given() -> None:
    provider = provider_at("https://bedrock-runtime-fips.us-gov-west-1.amazonaws.com", region="")
    assert "/us-gov-west-1/bedrock/" in (await signed(lane_of(provider)))["authorization"]


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("{", "no JSON object"),
        ('{"accessKeyId": "a"}', "'secretAccessKey' must be a text"),
        ('{"accessKeyId": "a b", "secretAccessKey": "top-secret"}', "'accessKeyId' must be a text"),
        ('{"accessKeyId": "a/b", "secretAccessKey": "top-secret"}', "'accessKeyId' is not the id"),
        ('{"accessKeyId": 1, "secretAccessKey": "top-secret"}', "'accessKeyId' must be a text"),
        ('{"accessKeyId": "a", "secretAccessKey": "top-secret", "sessionToken": "\\n"}', "'sessionToken' must be"),
        ("{" * 100_000, "no JSON object"),
        ('{"accessKeyId": "\ud800"}', "no JSON object"),
    ],
)
async def test_keys_that_are_none_are_refused_without_quoting_them(key: str, says: str) -> None:
    signer = signer_of(provider_at(), key)
    assert signer.headers(lane_of(provider_at()), BODY, NOON) is None
    failed = await failure_of(signer.ready())
    assert failed.failure is FailureClass.CREDENTIAL_REJECTED
    assert says in failed.detail
    assert "top-secret" not in str(failed)


async def test_without_a_region_nothing_is_signed() -> None:
    failed = await failure_of(signer_of(provider_at("https://vpce.example", region=""), KEY).ready())
    assert (failed.failure, "names none" in failed.detail) == (FailureClass.CREDENTIAL_REJECTED, True)


async def test_no_repr_shows_a_key() -> None:
    signer = signer_of(provider_at())
    await signer.ready()
    assert SECRET not in repr(signer) + repr(vars(signer))
