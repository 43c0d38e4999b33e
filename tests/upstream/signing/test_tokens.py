"""Tokens of Entra and of Google: fetched once for all who wait, renewed in time, never used past their end."""

import asyncio
import json

import pytest
from doubles.eventually import eventually
from doubles.http_calls import failure_of
from doubles.signing_keys import AZURE, BOTH, LANE, SECRET, VERTEX, Clock, google_key, proof, signer_at
from doubles.token_endpoint import TokenEndpoint
from doubles.virtual_time import EPOCH, run_virtual, unix_now

from fairlead_proxy.contract.config import Egress, Provider
from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.upstream.http_transport import HttpTransport
from fairlead_proxy.upstream.signing.signers import Signers
from fairlead_proxy.upstream.signing.token_endpoint import DEADLINE_SECONDS, Granted
from fairlead_proxy.upstream.signing.token_signer import TokenSigner


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
        assert old is not None
        assert signer.forget(old)
        assert proof(signer, clock) is None
        await signer.ready()
        assert signer.forget(old)
        assert proof(signer, clock) == "token-2"


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


async def test_an_account_of_another_universe_signs_for_itself(signers: Signers, clock: Clock) -> None:
    async with TokenEndpoint() as endpoint:
        signer = signers.of(VERTEX, google_key(endpoint.url, universe_domain="example.cloud"))
        assert signer is not None
        await signer.ready()
        assert ((proof(signer, clock) or "").count("."), endpoint.asked) == (2, 0)


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
