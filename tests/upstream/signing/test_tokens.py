"""Tokens of Entra and of Google: fetched once for all who wait, renewed in time, never used past their end."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from doubles.eventually import eventually
from doubles.http_calls import failure_of
from doubles.token_endpoint import TokenEndpoint
from doubles.virtual_time import EPOCH, run_virtual, unix_now

from fairlead_proxy.contract.config import Egress, Provider
from fairlead_proxy.contract.names import FailureClass, ProviderType
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.upstream.http_transport import HttpTransport
from fairlead_proxy.upstream.signing.signer import Signer
from fairlead_proxy.upstream.signing.signers import MOST_SIGNERS, Signers
from fairlead_proxy.upstream.signing.token_endpoint import DEADLINE_SECONDS, Granted
from fairlead_proxy.upstream.signing.token_signer import TokenSigner
from fairlead_proxy.upstream.transport import Lane

AZURE = Provider(id="ai/azure", type=ProviderType.AZURE_OPENAI, url="https://x.openai.azure.com")
VERTEX = Provider(id="ai/vertex", type=ProviderType.VERTEX_AI, url="https://aiplatform.googleapis.com/v1")
LANE = Lane(AZURE, "POST", "/openai/v1/chat/completions", ())
SECRET = "top.secret~value"
PRIVATE_KEY = (
    rsa.generate_private_key(65537, 2048)
    .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    .decode()
)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def signers(transport: HttpTransport, clock: Clock) -> AsyncIterator[Signers]:
    made = Signers(transport, clock)
    yield made
    await made.close()


def azure_key(endpoint: str, **more: str) -> str:
    return json.dumps(
        {"tenantId": "my-tenant", "clientId": "app", "clientSecret": SECRET, "authority": endpoint} | more
    )


def google_key(endpoint: str, **more: object) -> str:
    account = {
        "type": "service_account",
        "project_id": "p",
        "client_email": "robot@p.iam.gserviceaccount.com",
        "private_key": PRIVATE_KEY,
        "private_key_id": "k1",
        "token_uri": f"{endpoint}/token",
    }
    return json.dumps(account | more)


def signer_at(signers: Signers, endpoint: str, provider: Provider = AZURE) -> Signer:
    key = azure_key(endpoint) if provider is AZURE else google_key(endpoint)
    signer = signers.of(provider, key)
    assert signer is not None
    return signer


def proof(signer: Signer, clock: Clock) -> str | None:
    """Return the token that the next request would go out with."""
    headers = signer.headers(LANE, b"", clock.now)
    return headers[0][1].removeprefix("Bearer ") if headers else None


BOTH = pytest.mark.parametrize("provider", [AZURE, VERTEX], ids=["azure", "vertex"])


@BOTH
async def test_many_who_wait_share_one_fetch(signers: Signers, clock: Clock, provider: Provider) -> None:
    async with TokenEndpoint() as endpoint:
        signer = signer_at(signers, endpoint.url, provider)
        assert proof(signer, clock) is None
        async with asyncio.timeout(10):
            await asyncio.gather(*(signer.ready() for _ in range(20)))
        assert (proof(signer, clock), endpoint.asked) == ("token-1", 1)
        await signer.ready()
        assert endpoint.asked == 1


async def test_entra_is_asked_as_the_document_says(signers: Signers) -> None:
    async with TokenEndpoint() as endpoint:
        await signer_at(signers, endpoint.url).ready()
        assert endpoint.heads[0].startswith("POST /my-tenant/oauth2/v2.0/token HTTP/1.1\r\n")
        assert "content-type: application/x-www-form-urlencoded" in endpoint.heads[0]
        assert endpoint.forms == [
            {
                "grant_type": "client_credentials",
                "client_id": "app",
                "client_secret": SECRET,
                "scope": "https://cognitiveservices.azure.com/.default",
            }
        ]


async def test_the_print_of_the_azure_cli_is_taken_too(signers: Signers, clock: Clock) -> None:
    async with TokenEndpoint() as endpoint:
        printed = {"appId": "app", "displayName": "x", "password": SECRET, "tenant": "t.example"}
        key = json.dumps(printed | {"authority": endpoint.url, "scope": "https://cognitiveservices.azure.us/.default"})
        signer = signers.of(AZURE, key)
        assert signer is not None
        await signer.ready()
        assert endpoint.heads[0].startswith("POST /t.example/")
        assert endpoint.forms[0]["scope"] == "https://cognitiveservices.azure.us/.default"


async def test_google_is_asked_with_an_assertion_that_the_account_has_signed(signers: Signers) -> None:
    async with TokenEndpoint() as endpoint:
        await signer_at(signers, endpoint.url, VERTEX).ready()
        assert endpoint.heads[0].startswith("POST /token HTTP/1.1\r\n")
        form = endpoint.forms[0]
        assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        assert form["assertion"].count(".") == 2


async def test_a_token_is_renewed_in_the_background_and_never_used_past_its_end(signers: Signers, clock: Clock) -> None:
    async with TokenEndpoint() as endpoint:
        signer = signer_at(signers, endpoint.url)
        await signer.ready()
        clock.now += 3299
        assert (proof(signer, clock), endpoint.asked) == ("token-1", 1)
        clock.now += 1
        endpoint.open.clear()
        assert proof(signer, clock) == "token-1"
        assert proof(signer, clock) == "token-1"
        await eventually(lambda: endpoint.asked == 2)
        clock.now += 300
        assert proof(signer, clock) is None
        endpoint.open.set()
        await signer.ready()
        assert (proof(signer, clock), endpoint.asked) == ("token-2", 2)


async def test_a_short_token_is_renewed_at_half_of_its_life(signers: Signers, clock: Clock) -> None:
    async with TokenEndpoint(life="60") as endpoint:
        signer = signer_at(signers, endpoint.url)
        await signer.ready()
        clock.now += 29
        assert (proof(signer, clock), endpoint.asked) == ("token-1", 1)
        clock.now += 1
        assert proof(signer, clock) == "token-1"
        await eventually(lambda: proof(signer, clock) == "token-2")


async def test_a_renewal_that_fails_leaves_the_old_token_and_pauses(signers: Signers, clock: Clock) -> None:
    async with TokenEndpoint() as endpoint:
        signer = signer_at(signers, endpoint.url)
        await signer.ready()
        endpoint.life = 0  # no token lasts for nothing: the answer is malformed
        clock.now += 3301
        assert proof(signer, clock) == "token-1"
        await eventually(lambda: endpoint.asked == 2)
        endpoint.life = 3600
        await eventually(lambda: getattr(signer, "_fetching", None) is None)
        clock.now += 9
        assert (proof(signer, clock), endpoint.asked) == ("token-1", 2)
        clock.now += 1
        assert proof(signer, clock) == "token-1"
        await eventually(lambda: proof(signer, clock) == "token-3")


async def test_a_refused_token_is_fetched_anew_but_not_the_one_that_came_after_it(
    signers: Signers, clock: Clock
) -> None:
    async with TokenEndpoint() as endpoint:
        signer = signer_at(signers, endpoint.url)
        await signer.ready()
        old = signer.headers(LANE, b"", clock.now)
        signer.forget(old)
        assert proof(signer, clock) is None
        await signer.ready()
        signer.forget(old)
        assert proof(signer, clock) == "token-2"
        signer.forget()
        assert proof(signer, clock) is None


@BOTH
@pytest.mark.parametrize(
    ("status", "body", "failure"),
    [
        (b"401 No", b'{"error":"invalid_client","error_description":"top.secret~value"}', "CredentialRejected"),
        (b"400 No", b'{"error":"invalid_grant"}', "CredentialRejected"),
        (b"403 No", b"<html>top.secret~value", "CredentialRejected"),
        (b"429 Slow", b"{}", "RateLimited"),
        (b"500 Oops", b"", "ServerError"),
        (b"503 Oops", b'{"error":"temporarily_unavailable"}', "ServerError"),
        (b"400 No", b'{"error":"server_error"}', "ServerError"),
        (b"404 No", b"<html>", "MalformedResponse"),
        (b"302 There", b"", "MalformedResponse"),
        (b"200 OK", b"<html>", "MalformedResponse"),
        (b"200 OK", b"{}", "MalformedResponse"),
        (b"200 OK", b"[" * 5000, "MalformedResponse"),
        (b"200 OK", b'{"access_token":"a\\r\\nb: c","expires_in":9}', "MalformedResponse"),
        (b"200 OK", b'{"access_token":"a","expires_in":"soon"}', "MalformedResponse"),
        (b"200 OK", b'{"access_token":"a","expires_in":-5}', "MalformedResponse"),
        (b"200 OK", b'{"access_token":"a","expires_in":"nan"}', "MalformedResponse"),
        (b"200 OK", b'{"access_token":7,"expires_in":9}', "MalformedResponse"),
        (b"200 OK", b'{"access_token":"a","expires_in":true}', "MalformedResponse"),
    ],
)
async def test_what_the_endpoint_says_instead_of_a_token(
    signers: Signers, clock: Clock, provider: Provider, status: bytes, body: bytes, failure: str
) -> None:
    async with TokenEndpoint((status, body)) as endpoint:
        signer = signer_at(signers, endpoint.url, provider)
        failed = await failure_of(signer.ready())
        assert (failed.failure, proof(signer, clock)) == (failure, None)
        assert SECRET not in failed.detail
        clock.now += 0.9
        again = await failure_of(signer.ready())
        assert (again.failure, again is failed, endpoint.asked) == (failure, False, 1)
        clock.now += 0.1
        await signer.ready()
        assert (proof(signer, clock), endpoint.asked) == ("token-2", 2)


async def test_a_token_without_an_end_is_used_for_a_while(signers: Signers, clock: Clock) -> None:
    async with TokenEndpoint((b"200 OK", b'{"access_token":"a"}')) as endpoint:
        signer = signer_at(signers, endpoint.url)
        await signer.ready()
        clock.now += 299
        assert proof(signer, clock) == "a"
        clock.now += 1
        assert proof(signer, clock) is None


@BOTH
async def test_an_endpoint_that_egress_does_not_admit_is_not_asked(clock: Clock, provider: Provider) -> None:
    guarded = HttpTransport(Egress)
    signers = Signers(guarded, clock)
    async with TokenEndpoint() as endpoint:
        failed = await failure_of(signer_at(signers, endpoint.url, provider).ready())
        assert (failed.failure, endpoint.asked) == (FailureClass.UNREACHABLE, 0)
        assert failed.detail.startswith("egress refused: ")
    await signers.close()
    await guarded.close()


@BOTH
async def test_a_caller_that_leaves_does_not_end_the_fetch(signers: Signers, clock: Clock, provider: Provider) -> None:
    async with TokenEndpoint() as endpoint:
        endpoint.open.clear()
        signer = signer_at(signers, endpoint.url, provider)
        leaving, staying = asyncio.create_task(signer.ready()), asyncio.create_task(signer.ready())
        await eventually(lambda: endpoint.asked == 1)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        endpoint.open.set()
        await staying
        assert (proof(signer, clock), endpoint.asked) == ("token-1", 1)


@BOTH
async def test_closing_ends_a_fetch_and_tells_who_waits(
    transport: HttpTransport, clock: Clock, provider: Provider
) -> None:
    signers = Signers(transport, clock)
    async with TokenEndpoint() as endpoint:
        endpoint.open.clear()
        waiting = asyncio.create_task(failure_of(signer_at(signers, endpoint.url, provider).ready()))
        await eventually(lambda: endpoint.asked == 1)
        await signers.close()
        assert (await waiting).detail == "this proxy ends"


@pytest.mark.parametrize(
    ("provider", "key", "says"),
    [
        (AZURE, "{}", "'tenantId' must be a text"),
        (AZURE, azure_key("https://a", tenantId="../x"), "'tenantId' is neither the id nor a domain"),
        (AZURE, azure_key("ftp://a"), "'authority' must be an https url"),
        (AZURE, azure_key("https://a?b"), "'authority' must be an https url"),
        (AZURE, azure_key("https://[::1"), "'authority' must be an https url"),
        (AZURE, azure_key("https://a", clientSecret=""), "'clientSecret' must be a text"),
        (
            VERTEX,
            '{"type": "external_account", "credential_source": {"file": "/etc/passwd"}}',
            "'type' must be service",
        ),
        (VERTEX, '{"type": "authorized_user", "refresh_token": "top.secret~value"}', "'type' must be service_account"),
        (VERTEX, "{]", "no JSON object"),
        (VERTEX, google_key("https://a", private_key=SECRET), "'private_key' is not the PEM"),
        (VERTEX, google_key("https://a", private_key=7), "'private_key' must be a text"),
        (VERTEX, google_key("https://a", client_email=None), "'client_email' must be a text"),
        (VERTEX, google_key("https://a", token_uri="file:///etc/passwd"), "'token_uri' must be an https url"),
    ],
)
async def test_material_that_is_none_is_refused_without_quoting_it(
    signers: Signers, clock: Clock, provider: Provider, key: str, says: str
) -> None:
    signer = signers.of(provider, key)
    assert signer is not None
    failed = await failure_of(signer.ready())
    assert (failed.failure, says in failed.detail) == (FailureClass.CREDENTIAL_REJECTED, True), failed.detail
    assert SECRET not in str(failed)
    assert proof(signer, clock) is None
    signer.forget()


async def test_an_account_of_another_universe_signs_for_itself(signers: Signers, clock: Clock) -> None:
    async with TokenEndpoint() as endpoint:
        signer = signers.of(VERTEX, google_key(endpoint.url, universe_domain="example.cloud"))
        assert signer is not None
        await signer.ready()
        assert ((proof(signer, clock) or "").count("."), endpoint.asked) == (2, 0)


@pytest.mark.parametrize(
    ("type_", "key"),
    [
        (ProviderType.OPENAI, '{"accessKeyId": "a"}'),
        (ProviderType.BEDROCK, "bedrock-api-key-x"),
        (ProviderType.VERTEX_AI, "ya29.token"),
        (ProviderType.AZURE_OPENAI, "0123456789abcdef"),
    ],
)
def test_a_plain_key_has_no_signer(signers: Signers, type_: ProviderType, key: str) -> None:
    assert signers.of(Provider(id="ai/p", type=type_, url="https://a"), key) is None


def test_a_signer_lasts_as_long_as_its_key_is_used(signers: Signers) -> None:
    key, other = azure_key("https://a"), azure_key("https://b")
    signer = signers.of(AZURE, key)
    assert signers.of(AZURE, key) is signer
    assert signers.of(AZURE, other) is not signer
    signers.keep([(AZURE, key), (VERTEX, "x")])
    assert signers.of(AZURE, key) is signer
    signers.keep([(AZURE, other)])
    assert signers.of(AZURE, key) is not signer


def test_signers_are_bounded(signers: Signers) -> None:
    kept = signers.of(AZURE, azure_key("https://kept"))
    first = signers.of(AZURE, azure_key("https://first"))
    for number in range(MOST_SIGNERS - 1):
        signers.of(AZURE, azure_key(f"https://{number}"))
        assert signers.of(AZURE, azure_key("https://kept")) is kept
    assert signers.of(AZURE, azure_key("https://first")) is not first


def test_a_process_without_such_providers_does_not_pay_for_them() -> None:
    program = (
        "import sys, fairlead_proxy.upstream.signing.signers;"
        "print([name for name in ('botocore.auth', 'google.auth', 'cryptography') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


class Odd(Exception):
    pass


async def test_a_fault_of_ours_leaves_nobody_waiting(clock: Clock) -> None:
    class Broken:
        def send(self, *arguments: object, **more: object) -> object:
            raise Odd

        async def close(self) -> None:
            return

    signers = Signers(Broken(), clock)  # type: ignore[arg-type]
    failed = await failure_of(signer_at(signers, "http://127.0.0.1:1").ready())
    assert (failed.failure, failed.detail) == (FailureClass.INVALID_REQUEST, "a fault within the gateway")


async def test_no_repr_shows_a_token_or_a_secret(signers: Signers, clock: Clock) -> None:
    async with TokenEndpoint() as endpoint:
        signer = signer_at(signers, endpoint.url)
        await signer.ready()
        shown = repr(signer) + repr(vars(signer)) + repr(vars(signers))
        assert "token-1" not in shown
        assert SECRET not in shown


async def test_a_failure_has_one_copy_for_each_who_waits(signers: Signers) -> None:
    async with TokenEndpoint((b"500 Oops", b"")) as endpoint:
        signer = signer_at(signers, endpoint.url)
        failures = await asyncio.gather(*(signer.ready() for _ in range(3)), return_exceptions=True)
        assert len({id(failure) for failure in failures}) == 3
        assert all(isinstance(failure, UpstreamFailure) for failure in failures)
        assert endpoint.asked == 1


def test_an_endpoint_that_hangs_is_given_up() -> None:
    async def hang() -> Granted:
        never: asyncio.Future[Granted] = asyncio.get_running_loop().create_future()
        return await never

    async def main() -> UpstreamFailure:
        tasks: list[asyncio.Task[UpstreamFailure | None]] = []
        signer = TokenSigner(hang, unix_now, tasks.append)
        with pytest.raises(UpstreamFailure) as failed:
            await signer.ready()
        assert unix_now() == EPOCH + DEADLINE_SECONDS
        assert [task.done() for task in tasks] == [True]
        return failed.value

    assert run_virtual(main()).failure is FailureClass.TIMEOUT
