"""Callers who leave pay for what was made for them: as reported where it is told in time, else estimated (B3, B4)."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest
from billing.demands import BYTES_PER_TOKEN, check_cost, check_estimated, check_exact
from billing.house import STREAMS, Cell, Got, House
from billing.objects import CALLERS, PROVIDERS, drained
from billing.spooled import tokens_of
from doubles.invoice import Line
from doubles.scripted.behaviour import WORDS

from fairlead_proxy.contract.usage_record import UsageRecord

DRAIN_SECONDS = 2.0
"""How long a provider is heard out for its final usage."""
SLACK_SECONDS = 1.5
AT_ONCE = len(STREAMS)
ROUND_BYTES = sum(len(f"{word} ") for word in WORDS)
"""The scripted provider says these words over and over."""


@pytest.fixture(scope="module")
def left_soon(running: House) -> Mapping[Cell, Got]:
    """Every caller leaves a stream that is over soon, and is heard out."""
    running.upstream.behave(tokens=60, pace=0.01, input_tokens=301)
    return leave_all(running, drained)


@pytest.fixture(scope="module")
def left_long(running: House) -> Mapping[Cell, Got]:
    """Every caller leaves a stream that goes on for long, and is heard out."""
    running.upstream.behave(tokens=4000, pace=0.01, input_tokens=301)
    return leave_all(running, drained)


@pytest.fixture(scope="module")
def left_cancelled(running: House) -> Mapping[Cell, Got]:
    """Every caller leaves a stream that is cut off at once."""
    running.upstream.behave(tokens=4000, pace=0.01, input_tokens=301)
    return leave_all(running, str)


def leave_all(house: House, model_of: Callable[[str], str]) -> dict[Cell, Got]:
    def leave(cell: Cell) -> Got:
        return house.leave(cell.caller, model_of(cell.provider), after=b"epsilon")

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(STREAMS, pool.map(leave, STREAMS), strict=True))


@pytest.mark.parametrize("cell", STREAMS, ids=str)
def test_b3_a_stream_that_is_over_soon_is_heard_out_and_booked_as_reported(
    running: House, left_soon: Mapping[Cell, Got], cell: Cell
) -> None:
    got = left_soon[cell]
    (record,), (line,) = running.records(got.decision), running.settled_lines(got.tag)
    assert record.outcome == "ClientGone"
    assert line.tokens.output == 60
    check_exact(record, line, cell.provider)


@pytest.mark.parametrize("cell", STREAMS, ids=str)
def test_b3_a_stream_that_goes_on_is_heard_out_for_two_seconds_and_estimated_by_the_bytes_that_came(
    running: House, left_long: Mapping[Cell, Got], cell: Cell
) -> None:
    record = check_left(running, left_long[cell], cell)
    assert DRAIN_SECONDS < record.duration_ms / 1000 < DRAIN_SECONDS + SLACK_SECONDS


@pytest.mark.parametrize("cell", STREAMS, ids=str)
def test_b3_a_stream_that_is_cut_off_at_once_is_estimated_by_the_bytes_that_came(
    running: House, left_cancelled: Mapping[Cell, Got], cell: Cell
) -> None:
    record = check_left(running, left_cancelled[cell], cell)
    assert record.duration_ms / 1000 < SLACK_SECONDS


def check_left(house: House, got: Got, cell: Cell) -> UsageRecord:
    """A caller left in the middle: what had come until the end is booked, and no more than the provider sent."""
    (record,), (line,) = house.records(got.decision), house.settled_lines(got.tag)
    assert record.outcome == "ClientGone"
    prompt = f"Be brief.{got.tag} say something"
    check_estimated(record, line, cell.provider, prompt_bytes=len(prompt), output_bytes=longest_text(line))
    # Google tells with every piece how many tokens there were so far, which is better than to count bytes.
    assert record.output_tokens > 0.8 * min(line.tokens.output, shortest_text(line) / BYTES_PER_TOKEN)
    return record


@pytest.mark.parametrize("provider", PROVIDERS)
def test_b4_a_plain_answer_that_comes_soon_is_heard_out_and_booked_as_reported(house: House, provider: str) -> None:
    house.upstream.behave(delay=0.3, tokens=9, input_tokens=301)
    before = house.booked()
    tags = leave_plainly(house, drained(provider))
    for record, tag in zip(house.records_since(before, drained(provider), number=len(tags)), tags, strict=True):
        (line,) = house.settled_lines(tag)
        assert record.outcome == "ClientGone"
        check_exact(record, line, provider)


@pytest.mark.parametrize(
    ("model_of", "least", "most"),
    [(str, 0.0, SLACK_SECONDS), (drained, DRAIN_SECONDS, DRAIN_SECONDS + SLACK_SECONDS)],
    ids=["cancelled", "drained"],
)
def test_b4_a_plain_answer_that_does_not_come_is_given_up_in_time_and_its_prompt_estimated(
    house: House, model_of: Callable[[str], str], least: float, most: float
) -> None:
    house.upstream.behave("hang")
    before = house.booked()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        left = dict(zip(PROVIDERS, pool.map(lambda name: leave_plainly(house, model_of(name)), PROVIDERS), strict=True))
    for provider, tags in left.items():
        for record in house.records_since(before, model_of(provider), number=len(tags)):
            assert (record.basis, record.outcome) == ("estimated", "ClientGone")
            assert least <= record.duration_ms / 1000 < most
            longest = max(len(f"Be brief.{tag} say something") for tag in tags)
            assert 0 < tokens_of(record).input <= -(-longest // BYTES_PER_TOKEN)
            assert record.output_tokens == 0
            check_cost(record, provider)
            assert record.cost_nano


def leave_plainly(house: House, provider: str) -> list[str]:
    """Ask by every kind of caller, and go before anything has come; return the tags."""
    with ThreadPoolExecutor(len(CALLERS)) as pool:
        return list(pool.map(lambda caller: house.leave_at_once(caller, provider, stream=False), CALLERS))


def longest_text(line: Line) -> int:
    """Return how many bytes a line's text has, and a round of words on top."""
    return shortest_text(line) + ROUND_BYTES


def shortest_text(line: Line) -> int:
    """Return how many bytes the whole rounds of words have that a line's text is made of."""
    return line.tokens.output // len(WORDS) * ROUND_BYTES
