"""Sending what has to be proved: a token that is refused is forgotten and replaced once; what fails is told."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from doubles.eventually import eventually
from doubles.raw_server import Peer, RawServer, answer
from doubles.scripted_transport import HANG, Answer, ScriptedTransport
from doubles.telling_receiver import TellingReceiver
from doubles.virtual_time import EPOCH, run_virtual, unix_now

from fairlead_proxy.contract.config import Provider
from fairlead_proxy.contract.names import FailureClass, ProviderType
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.upstream.http_transport import HttpTransport
from fairlead_proxy.upstream.signed import SignedErrand, send_signed
from fairlead_proxy.upstream.signing.signer import Signer
from fairlead_proxy.upstream.signing.signers import Signers
from fairlead_proxy.upstream.signing.token_endpoint import Granted
from fairlead_proxy.upstream.signing.token_signer import TokenSigner
from fairlead_proxy.upstream.transport import Errand, Headers, Lane, Receiver

AZURE = Provider(id="ai/azure", type=ProviderType.AZURE_OPENAI, url="https://x.openai.azure.com")
AWS = Provider(id="ai/aws", type=ProviderType.BEDROCK, url="https://bedrock-runtime.us-east-1.amazonaws.com")
LANE = Lane(AZURE, "POST", "/openai/v1/chat/completions", ())
BODY = b'{"a":1}'
GOOD = Answer(body=[b"hello"])
REFUSED = Answer(401, body=[b"who are you"])
ALL_OF_GOOD = ["head 200", "chunk hello", "end"]
ALL_OF_REFUSED = ["head 401", "chunk who are you", "end"]


class Endpoint:
    """Gives out token-1, token-2, …, or fails as `failure` says; while `open` is cleared, whoever asks waits."""

    def __init__(self) -> None:
        self.asked = 0
        self.failure: UpstreamFailure | None = None
        self.open = asyncio.Event()
        self.open.set()
        self._tasks: list[object] = []
        self.signer = TokenSigner(self._fetch, unix_now, self._tasks.append)

    async def _fetch(self) -> Granted:
        self.asked += 1
        number = self.asked
        await self.open.wait()
        if self.failure is not None:
            raise self.failure
        return Granted(f"token-{number}", 3600.0)


class Broken:
    """A Signer that is ready once it has been asked to be, and then fails as it is told."""

    def __init__(self, error: Exception, *, late: bool) -> None:
        self.error = error
        self.late = late

    def headers(self, lane: Lane, body: bytes, now: float) -> Headers | None:
        if self.late:
            return None
        raise self.error

    async def ready(self) -> None:
        self.late = False

    def forget(self, refused: Headers) -> bool:
        return False


class Noting:
    """A Transport and its one Errand, which notes what is done with it."""

    def __init__(self) -> None:
        self.noted: list[str] = []

    def send(self, lane: Lane, body: bytes, receiver: Receiver, more: Headers = ()) -> Errand:
        self.noted.append("send")
        return self

    def pause(self) -> None:
        self.noted.append("pause")

    def resume(self) -> None:
        self.noted.append("resume")

    def release(self) -> None:
        self.noted.append("release")

    # Of the errand it is the end; of a transport its owner awaits what this returns.
    def close(self) -> Any:
        self.noted.append("close")


def scripted(*answers: Answer) -> ScriptedTransport:
    return ScriptedTransport({"ai/azure": list(answers), "ai/aws": list(answers)})


def begin(transport: ScriptedTransport, signer: Signer, receiver: Receiver, lane: Lane = LANE) -> Errand:
    return send_signed(transport, lane, BODY, receiver, (("x-more", "1"),), signer, unix_now)


async def told(transport: ScriptedTransport, signer: Signer, lane: Lane = LANE) -> list[str]:
    """Send one call, and return what its receiver has been told when it is over."""
    receiver = TellingReceiver()
    begin(transport, signer, receiver, lane)
    await over(receiver)
    return receiver.told


async def over(receiver: TellingReceiver) -> None:
    await eventually(lambda: receiver.called & {"end", "lost"})


def proofs(transport: ScriptedTransport) -> list[str]:
    return [dict(request.more)["authorization"] for request in transport.requests]


async def test_a_kept_token_that_is_refused_is_replaced_before_anybody_hears_of_it() -> None:
    endpoint, transport = Endpoint(), scripted(REFUSED, GOOD)
    await endpoint.signer.ready()
    assert await told(transport, endpoint.signer) == ALL_OF_GOOD
    assert proofs(transport) == ["Bearer token-1", "Bearer token-2"]
    assert [(request.body, request.more[0]) for request in transport.requests] == [(BODY, ("x-more", "1"))] * 2
    assert [errand.released for errand in transport.errands] == [True, False]


async def test_a_second_refusal_is_the_answer() -> None:
    endpoint, transport = Endpoint(), scripted(REFUSED, REFUSED, GOOD)
    await endpoint.signer.ready()
    assert await told(transport, endpoint.signer) == ALL_OF_REFUSED
    assert proofs(transport) == ["Bearer token-1", "Bearer token-2"]
    assert await told(transport, endpoint.signer) == ALL_OF_GOOD
    assert proofs(transport)[2:] == ["Bearer token-3"]


async def test_a_token_that_was_fetched_for_this_very_call_is_not_replaced_but_forgotten() -> None:
    endpoint, transport = Endpoint(), scripted(REFUSED, GOOD)
    assert await told(transport, endpoint.signer) == ALL_OF_REFUSED
    assert (proofs(transport), endpoint.asked) == (["Bearer token-1"], 1)
    assert await told(transport, endpoint.signer) == ALL_OF_GOOD
    assert proofs(transport)[1:] == ["Bearer token-2"]


async def test_calls_whose_token_is_refused_at_the_same_time_share_the_new_one() -> None:
    endpoint, transport = Endpoint(), scripted(REFUSED, REFUSED, GOOD)
    await endpoint.signer.ready()
    first, second = TellingReceiver(), TellingReceiver()
    begin(transport, endpoint.signer, first)
    begin(transport, endpoint.signer, second)
    await over(first)
    await over(second)
    assert (first.told, second.told, endpoint.asked) == (ALL_OF_GOOD, ALL_OF_GOOD, 2)
    assert proofs(transport) == ["Bearer token-1"] * 2 + ["Bearer token-2"] * 2


async def test_a_refusal_that_comes_late_leaves_the_newer_token_and_is_answered_with_it() -> None:
    endpoint, transport = Endpoint(), scripted(Answer(401, body=[b"no"], after_seconds=HANG), REFUSED, GOOD)
    await endpoint.signer.ready()
    slow = TellingReceiver()
    late = begin(transport, endpoint.signer, slow)
    assert await told(transport, endpoint.signer) == ALL_OF_GOOD
    assert isinstance(late, SignedErrand)
    late.head(401, ())
    await over(slow)
    assert (slow.told, endpoint.asked) == (ALL_OF_GOOD, 2)
    assert proofs(transport)[-1] == "Bearer token-2"


async def test_where_no_new_token_comes_the_call_fails_of_that() -> None:
    endpoint, transport = Endpoint(), scripted(REFUSED)
    await endpoint.signer.ready()
    endpoint.failure = UpstreamFailure(FailureClass.SERVER_ERROR, "the token endpoint answers with status 500")
    assert await told(transport, endpoint.signer) == ["lost ServerError"]
    assert len(transport.requests) == 1


async def test_a_signature_that_is_refused_is_not_made_again() -> None:
    transport = scripted(REFUSED, GOOD)
    signers = Signers(transport, unix_now)
    signer = signers.of(AWS, json.dumps({"accessKeyId": "AKID", "secretAccessKey": "s"}))
    assert signer is not None
    await signer.ready()
    assert await told(transport, signer, Lane(AWS, "POST", "/model/m/converse", ())) == ALL_OF_REFUSED
    assert len(transport.requests) == 1
    await signers.close()


async def test_a_pause_while_a_token_is_fetched_holds_the_answer_until_the_caller_has_room() -> None:
    endpoint, transport = Endpoint(), Noting()
    endpoint.open.clear()
    errand = send_signed(transport, LANE, BODY, TellingReceiver(), (), endpoint.signer, unix_now)
    errand.pause()
    endpoint.open.set()
    await eventually(lambda: transport.noted == ["send", "pause"])
    errand.resume()
    errand.release()
    errand.close()
    assert transport.noted == ["send", "pause", "resume", "release", "close"]


async def test_whoever_leaves_while_a_new_token_is_fetched_hears_nothing_and_sends_nothing() -> None:
    endpoint, transport = Endpoint(), scripted(REFUSED, GOOD)
    await endpoint.signer.ready()
    endpoint.open.clear()
    receiver = TellingReceiver()
    errand = begin(transport, endpoint.signer, receiver)
    await eventually(lambda: endpoint.asked == 2)
    errand.release()
    endpoint.open.set()
    await endpoint.signer.ready()
    assert (receiver.told, len(transport.requests)) == ([], 1)


@pytest.mark.parametrize("late", [False, True], ids=["at once", "once it is ready"])
@pytest.mark.parametrize(
    ("error", "says"),
    [
        (UpstreamFailure(FailureClass.UNREACHABLE, "that url cannot be sent"), "lost Unreachable"),
        (ValueError("secret"), "lost InvalidRequest"),
    ],
)
async def test_a_signer_that_fails_ends_the_attempt_but_never_from_within_send(
    error: Exception, says: str, late: bool
) -> None:
    transport, receiver = scripted(GOOD), TellingReceiver()
    begin(transport, Broken(error, late=late), receiver)
    assert receiver.told == []
    await over(receiver)
    assert (receiver.told, transport.requests) == ([says], [])


@pytest.mark.parametrize("leave", [Errand.close, Errand.release], ids=["close", "release"])
async def test_whoever_has_left_is_not_told_that_signing_failed(leave: Callable[[Errand], None]) -> None:
    transport, receiver = scripted(GOOD), TellingReceiver()
    errand = begin(transport, Broken(UpstreamFailure(FailureClass.UNREACHABLE, "no"), late=False), receiver)
    getattr(errand, leave.__name__)()
    told_in_time = asyncio.Event()
    asyncio.get_running_loop().call_soon(told_in_time.set)
    await told_in_time.wait()
    assert receiver.told == []


def test_a_token_that_does_not_come_in_time_to_connect_is_not_waited_for_longer() -> None:
    async def main() -> None:
        endpoint, transport = Endpoint(), scripted(GOOD)
        endpoint.open.clear()
        lane = Lane(AZURE, "POST", "/openai/v1/chat/completions", (), connect_seconds=3.0)
        receiver, ended_at = TellingReceiver(), asyncio.get_running_loop().create_future()
        receiver.on("lost", lambda: ended_at.set_result(unix_now()))
        begin(transport, endpoint.signer, receiver, lane)
        assert await ended_at == EPOCH + 3.0
        assert receiver.told == ["lost Unreachable"]
        endpoint.open.set()
        await endpoint.signer.ready()

    run_virtual(main())


async def test_a_refusal_with_a_long_body_is_left_and_the_call_goes_out_whole_again(transport: HttpTransport) -> None:
    bodies: list[int] = []

    async def serve(peer: Peer) -> None:
        while True:
            head, _, body = (await peer.request()).partition(b"\r\n\r\n")
            bodies.append(len(body))
            held = b"Bearer token-2" in head
            await peer.send(answer(b"yes", status=b"200 OK") if held else answer(b"x" * 200_000, status=b"401 No"))

    endpoint, body = Endpoint(), b'"' + b"a" * 1_000_000 + b'"'
    await endpoint.signer.ready()
    async with RawServer(serve) as server:
        receiver = TellingReceiver()
        provider = msgspec.structs.replace(AZURE, url=f"http://127.0.0.1:{server.port}")
        lane = Lane(provider, "POST", "/x", ())
        send_signed(transport, lane, body, receiver, (), endpoint.signer, unix_now)
        await over(receiver)
    assert receiver.told == ["head 200", "chunk yes", "end"]
    assert bodies == [len(body)] * 2
