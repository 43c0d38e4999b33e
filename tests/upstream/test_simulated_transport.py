"""A simulated provider says what it is, repeats itself exactly, keeps its pace and fails as it was told."""

import asyncio
import json
from typing import Any

import pytest
from doubles.eventually import eventually
from doubles.http_calls import Request, read, send
from doubles.telling_receiver import TellingReceiver

from fairlead_proxy.contract.config import Model, Outage, Provider, Simulation
from fairlead_proxy.contract.names import FailureClass, Mode, ProviderType
from fairlead_proxy.dialects.dialect import ReadRequest, Relay
from fairlead_proxy.dialects.registry import OPENAI_CHAT
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.upstream.simulated_transport import SimulatedTransport
from fairlead_proxy.upstream.transport import Errand, Lane

MESSAGES = [{"role": "user", "content": "Which way is the harbour?"}]

ASKED = ReadRequest("smart", Mode.PLAIN, b"{}")


class ManualTime:
    """A clock that moves only by sleeping on it. `hung` ends once something would wait for ever."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.slept: list[float] = []
        self.hung = asyncio.Event()

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        if seconds > 600:
            self.hung.set()
            await asyncio.Event().wait()
        self.slept.append(seconds)
        self.now += seconds


def provider_of(simulation: Simulation | None = None, name: str = "ai/sim") -> Provider:
    models = (Model(name="small", upstream_name="upstream-small"), Model(name="large", upstream_name="large"))
    return Provider(id=name, type=ProviderType.SIMULATED, models=models, simulation=simulation)


def request_of(provider: Provider, **members: object) -> Request:
    body = json.dumps({"model": "upstream-small", "messages": MESSAGES, **members}).encode()
    return Request(Lane(provider, "POST", "/chat/completions", ()), body)


def transport_on(clock: ManualTime) -> SimulatedTransport:
    return SimulatedTransport(clock=clock, sleep=clock.sleep)


async def ask(simulation: Simulation | None = None, clock: ManualTime | None = None, **members: object) -> Any:
    clock = clock or ManualTime()
    return json.loads(await read(await send(transport_on(clock), request_of(provider_of(simulation), **members))))


async def test_a_reply_owns_up_to_being_simulated() -> None:
    response = await send(transport_on(ManualTime()), request_of(provider_of()))
    reply = json.loads(await read(response))
    assert reply["model"] == "sim/small"
    assert reply["choices"][0]["message"]["content"].startswith("Simulated reply (no model was called): ")
    assert dict(response.headers)["x-fairlead-simulated"] == "true"


async def test_token_counts_are_those_of_the_texts() -> None:
    reply = await ask()
    words = reply["choices"][0]["message"]["content"].split()
    assert reply["usage"] == {
        "prompt_tokens": 5,
        "completion_tokens": len(words),
        "total_tokens": 5 + len(words),
    }


async def test_the_same_seed_and_request_give_the_same_reply() -> None:
    assert await ask(Simulation(seed=7)) == await ask(Simulation(seed=7))


@pytest.mark.parametrize("other", [{"messages": [{"role": "user", "content": "else"}]}, {"temperature": 1}])
async def test_another_request_gives_another_reply(other: dict[str, object]) -> None:
    assert (await ask())["choices"] != (await ask(None, None, **other))["choices"]


async def test_another_seed_gives_another_reply() -> None:
    assert (await ask(Simulation(seed=1)))["choices"] != (await ask(Simulation(seed=2)))["choices"]


async def test_a_stream_says_the_same_as_a_plain_reply_and_is_a_good_stream() -> None:
    members: dict[str, object] = {"stream": True, "stream_options": {"include_usage": True}}
    body = await read(await send(transport_on(ManualTime()), request_of(provider_of(), **members)))
    request = OPENAI_CHAT.read_request(json.dumps({"model": "m", "messages": MESSAGES, **members}).encode())
    relay = OPENAI_CHAT.open_relay(request, include_usage=True, now=0.0)
    assert relay.feed(body) + relay.finish() == body
    chunks = [json.loads(line[6:]) for line in body.decode().split("\n\n")[:-2]]
    text = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks[:-1])
    assert relay.usage is not None
    assert relay.usage.output_tokens == len(text.split())


async def test_a_plain_reply_is_a_good_answer() -> None:
    response = await send(transport_on(ManualTime()), request_of(provider_of()))
    answered = OPENAI_CHAT.read_answer(200, response.headers, await read(response), request=ASKED, now=0.0)
    assert not answered.usage.estimated


async def test_counts_come_in_a_stream_only_if_asked_for() -> None:
    body = await read(await send(transport_on(ManualTime()), request_of(provider_of(), stream=True)))
    assert b'"usage"' not in body


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
async def test_a_limit_cuts_the_reply(name: str) -> None:
    reply = await ask(None, None, **{name: 3})
    assert reply["choices"][0]["message"]["content"] == "Simulated reply (no"
    assert (reply["choices"][0]["finish_reason"], reply["usage"]["completion_tokens"]) == ("length", 3)


async def test_a_stream_keeps_its_pace() -> None:
    clock = ManualTime()
    simulation = Simulation(ttft_seconds=0.5, tokens_per_second=10)
    await read(await send(transport_on(clock), request_of(provider_of(simulation), stream=True, max_tokens=4)))
    assert clock.slept == pytest.approx([0.5, 0.1, 0.1, 0.1], abs=1e-3)


async def test_a_plain_reply_takes_as_long_as_its_stream_would() -> None:
    clock = ManualTime()
    await ask(Simulation(ttft_seconds=0.5, tokens_per_second=10), clock, max_tokens=4)
    assert clock.slept == pytest.approx([0.8], abs=1e-3)


async def test_models_are_listed() -> None:
    request = Request(Lane(provider_of(), "GET", "/models", ()))
    listed = json.loads(await read(await send(transport_on(ManualTime()), request)))
    assert [model["id"] for model in listed["data"]] == ["sim/small", "sim/large"]


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{", 400), (b"[]", 400), (b"{}", 400), (b'{"messages":[],"model":"none"}', 404), (b'{"messages":[]}', 404)],
)
async def test_a_bad_request_is_refused(body: bytes, status: int) -> None:
    request = Request(Lane(provider_of(), "POST", "/chat/completions", ()), body)
    assert (await send(transport_on(ManualTime()), request)).status == status


async def outcome_of(failure: FailureClass, mode: Mode) -> FailureClass | str | None:
    """Return the class in which a call ends that a simulation fails, as the gateway would see it."""
    clock = ManualTime()
    request = OPENAI_CHAT.read_request(b'{"model":"m","messages":[],"stream":true}')
    relay = OPENAI_CHAT.open_relay(request, include_usage=True, now=0.0)
    going = asyncio.ensure_future(ended_in(Simulation(error_rate=1, failure=failure), clock, mode, relay))
    hanging = asyncio.ensure_future(clock.hung.wait())
    await asyncio.wait([going, hanging], return_when=asyncio.FIRST_COMPLETED)
    if going.done():
        hanging.cancel()
        return going.result()
    going.cancel()
    return "hung after content" if relay.committed else "hung"


async def ended_in(simulation: Simulation, clock: ManualTime, mode: Mode, relay: Relay) -> FailureClass | None:
    stream = mode is Mode.STREAM
    try:
        response = await send(transport_on(clock), request_of(provider_of(simulation), stream=stream))
        if stream and OPENAI_CHAT.is_stream(response.status, response.headers):

            def take(chunk: bytes) -> bool:
                relay.feed(chunk)
                return True

            await response.pour(take)
            relay.finish()
        else:
            body = await read(response)
            OPENAI_CHAT.read_answer(response.status, response.headers, body, request=ASKED, now=0.0)
    except UpstreamFailure as failed:
        return failed.failure
    return None


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize(
    "failure",
    [
        FailureClass.UNREACHABLE,
        FailureClass.SERVER_ERROR,
        FailureClass.OVERLOADED,
        FailureClass.STREAM_BROKEN,
        FailureClass.ERROR_IN_STREAM,
        FailureClass.MALFORMED_RESPONSE,
        FailureClass.RATE_LIMITED,
        FailureClass.QUOTA_EXHAUSTED,
        FailureClass.CREDENTIAL_REJECTED,
        FailureClass.MODEL_UNAVAILABLE,
        FailureClass.CONTEXT_LENGTH_EXCEEDED,
        FailureClass.CONTENT_FILTERED,
        FailureClass.INVALID_REQUEST,
    ],
)
async def test_a_failure_is_seen_as_its_class(failure: FailureClass, mode: Mode) -> None:
    assert await outcome_of(failure, mode) is failure


@pytest.mark.parametrize(
    ("failure", "mode", "outcome"),
    [
        (FailureClass.TIMEOUT, Mode.PLAIN, "hung"),
        (FailureClass.TIMEOUT, Mode.STREAM, "hung"),
        (FailureClass.FIRST_TOKEN_TIMEOUT, Mode.PLAIN, "hung"),
        (FailureClass.FIRST_TOKEN_TIMEOUT, Mode.STREAM, "hung"),
        (FailureClass.STREAM_STALLED, Mode.PLAIN, "hung"),
        (FailureClass.STREAM_STALLED, Mode.STREAM, "hung after content"),
    ],
)
async def test_a_failure_of_time_hangs(failure: FailureClass, mode: Mode, outcome: str) -> None:
    assert await outcome_of(failure, mode) == outcome


async def statuses(transport: SimulatedTransport, provider: Provider, calls: int) -> list[int]:
    return [(await send(transport, request_of(provider))).status for _ in range(calls)]


async def test_the_error_rate_is_met_in_the_same_order_each_time() -> None:
    provider = provider_of(Simulation(error_rate=0.3))
    first = await statuses(transport_on(ManualTime()), provider, 400)
    assert first == await statuses(transport_on(ManualTime()), provider, 400)
    assert 80 < first.count(500) < 160


@pytest.mark.parametrize(
    ("elapsed", "status"),
    [(0, 200), (29.9, 200), (30, 503), (49.9, 503), (50, 200), (151, 503), (171, 200), (275, 503)],
)
async def test_outages_come_by_schedule(elapsed: float, status: int) -> None:
    outage = Outage(after_seconds=30, lasts_seconds=20, every_seconds=120, failure=FailureClass.OVERLOADED)
    clock = ManualTime()
    transport = transport_on(clock)
    clock.now += elapsed
    assert await statuses(transport, provider_of(Simulation(outages=(outage,))), 1) == [status]


@pytest.mark.parametrize(("elapsed", "status"), [(0, 200), (30, 503), (50, 200), (150, 200)])
async def test_an_outage_without_repetition_comes_once(elapsed: float, status: int) -> None:
    outage = Outage(after_seconds=30, lasts_seconds=20, failure=FailureClass.OVERLOADED)
    clock = ManualTime()
    transport = transport_on(clock)
    clock.now += elapsed
    assert await statuses(transport, provider_of(Simulation(outages=(outage,))), 1) == [status]


async def test_a_rate_limit_asks_for_the_rest_of_its_outage() -> None:
    outage = Outage(after_seconds=0, lasts_seconds=20, failure=FailureClass.RATE_LIMITED)
    clock = ManualTime()
    transport = transport_on(clock)
    clock.now += 4.5
    response = await send(transport, request_of(provider_of(Simulation(outages=(outage,)))))
    assert (response.status, dict(response.headers)["retry-after"]) == (429, "16")


@pytest.mark.parametrize(
    ("failure", "status"),
    [(FailureClass.SERVER_ERROR, 500), (FailureClass.CREDENTIAL_REJECTED, 401), (FailureClass.STREAM_BROKEN, 200)],
)
async def test_an_outage_shows_in_a_probe_unless_only_answers_can_show_it(failure: FailureClass, status: int) -> None:
    simulation = Simulation(outages=(Outage(after_seconds=0, lasts_seconds=20, failure=failure),))
    request = Request(Lane(provider_of(simulation), "GET", "/models", ()))
    assert (await send(transport_on(ManualTime()), request)).status == status


async def test_a_receiver_that_pauses_holds_the_simulation_up() -> None:
    receiver = TellingReceiver()
    receiver.on("chunk", lambda: receiver.errand.pause())
    receiver.errand = begin(receiver)
    await eventually(lambda: receiver.chunks)
    await asyncio.sleep(0.01)
    assert len(receiver.chunks) == 1
    while "end" not in receiver.told:
        receiver.errand.resume()
        await asyncio.sleep(0)
    assert receiver.told[0] == "head 200"


@pytest.mark.parametrize("method", ["head", "chunk", "end"])
async def test_whoever_closes_is_told_nothing_more(method: str) -> None:
    receiver = TellingReceiver()
    receiver.on(method, lambda: receiver.errand.close())
    receiver.errand = begin(receiver)
    await eventually(lambda: method in receiver.called)
    told = list(receiver.told)
    await asyncio.sleep(0.01)
    assert receiver.told == told


async def test_what_a_receiver_raises_comes_back_as_lost() -> None:
    receiver = TellingReceiver()
    receiver.fail_in("chunk", KeyError())
    receiver.errand = begin(receiver)
    await eventually(lambda: "lost" in receiver.called)
    assert receiver.told[-1] == "lost InvalidRequest"


async def test_closing_the_transport_tells_whoever_waits() -> None:
    transport, receiver = SimulatedTransport(), TellingReceiver()
    receiver.errand = begin(receiver, transport, Simulation(ttft_seconds=60))
    await asyncio.sleep(0)
    await transport.close()
    assert receiver.told[-1] == "lost StreamBroken"
    assert asyncio.all_tasks() == {asyncio.current_task()}


def begin(
    receiver: TellingReceiver, transport: SimulatedTransport | None = None, simulation: Simulation | None = None
) -> Errand:
    """Send a request for a stream."""
    request = request_of(provider_of(simulation or Simulation(tokens_per_second=0)), stream=True)
    return (transport or SimulatedTransport()).send(request.lane, request.body, receiver)
