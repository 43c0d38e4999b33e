"""A receiver of OpenTelemetry logs gets every record by the protocol, and is asked again only where that allows it."""

from collections.abc import AsyncIterator

import pytest
from doubles.log_collector import Answer, LogCollector, attributes_of, log_collector
from doubles.processes import free_port
from doubles.spool_writer import LONG_AGO_MS
from doubles.usage_records import usage_record

from fairlead_ledger.sinks.otlp import LONGEST_WAIT_SECONDS, OtlpSink, seconds_of
from fairlead_ledger.sinks.sink import SinkDown, Written
from fairlead_ledger.store.batch import Batch, Loss, Reason

BATCH = Batch((usage_record("a"), usage_record("b")))


@pytest.fixture
async def collector() -> AsyncIterator[LogCollector]:
    async with log_collector() as running:
        yield running


async def send(url: str, batch: Batch = BATCH) -> Written:
    sink = OtlpSink(url)
    await sink.open("")
    try:
        return await sink.write(batch)
    finally:
        await sink.close()


async def test_a_record_is_told_by_the_names_of_the_conventions(collector: LogCollector) -> None:
    record = usage_record("a", cached_input_tokens=200, cache_write_tokens=30, cache_write_long_tokens=4)
    assert await send(collector.url, Batch((record,))) == Written()
    (log,) = collector.logs()
    conventional = {name: value for name, value in log.items() if name.startswith("gen_ai.")}
    assert conventional == {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "smart",
        "gen_ai.response.model": "gpt-5.4",
        "gen_ai.usage.input_tokens": 1_234,
        "gen_ai.usage.cache_read.input_tokens": 200,
        "gen_ai.usage.cache_creation.input_tokens": 34,
        "gen_ai.usage.output_tokens": 100,
        "gen_ai.usage.reasoning.output_tokens": 0,
    }
    assert log["event"] == "fairlead.attempt"
    assert log["at"] == (LONG_AGO_MS + 250) * 1_000_000
    assert log["fairlead.id"] == "a.1"
    assert log["fairlead.cost_nano"] == 2_250_000
    assert log["fairlead.namespace"] == "team-a"
    assert log["fairlead.basis"] == "reported"


async def test_an_unknown_cost_is_absent(collector: LogCollector) -> None:
    await send(collector.url, Batch((usage_record("a", cost_nano=None),)))
    assert "fairlead.cost_nano" not in collector.logs()[0]


async def test_each_proxy_is_a_resource(collector: LogCollector) -> None:
    records = (usage_record("a"), usage_record("b", proxy="main-1"), usage_record("c"))
    await send(collector.url, Batch(records))
    assert [attributes_of(each.resource.attributes) for each in collector.resources()] == [
        {"service.name": "fairlead", "service.instance.id": name, "fairlead.gateway": "default/main"}
        for name in ("main-0", "main-1")
    ]
    assert sorted(log["fairlead.call"] for log in collector.logs()) == ["a", "b", "c"]


async def test_a_loss_is_told_too(collector: LogCollector) -> None:
    loss = Loss(id="main-0-1/killed", at=LONG_AGO_MS, proxy="main-0-1", reason=Reason.KILLED, attempts=3)
    await send(collector.url, Batch((), (loss,)))
    (log,) = collector.logs()
    assert (log["event"], log["fairlead.lost"], log["fairlead.reason"]) == ("fairlead.loss", 3, "killed")


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_a_busy_receiver_is_asked_again_when_it_says(collector: LogCollector, status: int) -> None:
    collector.answers = [Answer(status, headers={"retry-after": "7"})]
    with pytest.raises(SinkDown, match=f"/v1/logs: HTTP {status}") as caught:
        await send(collector.url)
    assert caught.value.wait_seconds == 7.0


@pytest.mark.parametrize("status", [400, 401, 404, 413, 500, 301])
async def test_any_other_status_is_final_and_the_batch_is_counted(collector: LogCollector, status: int) -> None:
    collector.answers = [Answer(status, headers={"location": "/elsewhere"})]
    written = await send(collector.url)
    assert (written.refused, f"HTTP {status}" in written.error) == (2, True)
    assert collector.seen == 1


async def test_records_that_are_refused_one_by_one_are_counted_and_not_sent_again(collector: LogCollector) -> None:
    body = '{"partialSuccess": {"rejectedLogRecords": "1", "errorMessage": "too old"}}'
    collector.answers = [Answer(body=body)]
    written = await send(collector.url)
    assert (written.refused, written.error.endswith("refused 1: too old")) == (1, True)


@pytest.mark.parametrize("body", ["", "no JSON", '{"partialSuccess": null}', '{"partialSuccess": {}}'])
async def test_a_success_that_says_nothing_more_is_one(collector: LogCollector, body: str) -> None:
    collector.answers = [Answer(body=body)]
    assert await send(collector.url) == Written()


async def test_a_receiver_that_is_not_there_is_down(collector: LogCollector) -> None:
    with pytest.raises(SinkDown, match="/v1/logs: "):
        await send(f"http://127.0.0.1:{free_port()}")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", 0.0),
        ("12", 12.0),
        ("999999", LONGEST_WAIT_SECONDS),
        ("soon", 0.0),
        ("-3", 0.0),
        ("²", 0.0),
        ("Tue, 14 Nov 2023 22:13:30 GMT", 10.0),
        ("Tue, 14 Nov 2023 22:13:10 GMT", 0.0),
    ],
)
def test_a_retry_after_is_read_in_both_forms(text: str, seconds: float) -> None:
    assert seconds_of(text, LONG_AGO_MS / 1000) == seconds
