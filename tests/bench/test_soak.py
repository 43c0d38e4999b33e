"""The soak in its short form, and what its judge lets pass and does not."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from doubles.figures import Figures

from fairlead_bench.soak.explaining import (
    MOVED_ON,
    Attempt,
    Call,
    Considered,
    End,
    Judged,
    Odd,
    Record,
    judge,
    parts_of,
)
from fairlead_bench.soak.faults import FAULTS, REST_SECONDS, WORST, History, Injection, plan_faults
from fairlead_bench.soak.looks import Look, slope_of
from fairlead_bench.soak.objects import PROVIDERS, ROUTES
from fairlead_bench.soak.page import checks, render
from fairlead_bench.soak.providers import text_of
from fairlead_bench.soak.running import GROWTH_FROM_SECONDS, Form, Soaked, is_at_rest, soak
from fairlead_bench.soak.speech import SPEECHES, Heard, take_frame

SECONDS, RAMP_SECONDS = 30.0, 4.0
LOOK = Look(0.0, 50.0, 60.0, 20, 3, 7, 0, 0, 1.0)
WELL = History()
DOWN = History([Injection("500", "chat", began=100.0, ended=105.0)])
BOTH = History(
    [*DOWN.injections, Injection("hang", "anthropic", 100.0, 105.0), Injection("429", "gemini", 100.0, 105.0)]
)


def call(text: object = "", **more: object) -> Call:
    """Return a good stream of the policy that goes on, but for what is given."""
    found = Call(
        "chat", "alpha", True, 200, str(text or text_of("chat", 12)), True, provider="default/chat", attempts=1
    )
    for name, value in more.items():
        setattr(found, name, value)
    return found


def record(*attempts: tuple[str, str], skipped: dict[str, str] | None = None, at: float = 101.0) -> Record:
    targets = [Considered(f"default/{name}/m", (skipped or {}).get(name, "")) for name in ROUTES["alpha"].providers]
    made = [Attempt(f"default/{name}/m", outcome, at, 1.0) for name, outcome in attempts]
    return Record(at, targets, made, [])


ALL_FAILED = (("chat", "ServerError"), ("anthropic", "FirstTokenTimeout"), ("gemini", "RateLimited"))
REFUSED = {"text": " ", "status": 502, "ended": False, "error": "upstream_failed", "provider": "default/gemini"}


def test_a_soak_of_half_a_minute_explains_every_call_and_leaves_nothing_behind(
    tmp_path: Path, figures: Figures
) -> None:
    soaked = soak(Form(SECONDS, RAMP_SECONDS, seed=1, hurried=True), tmp_path)
    assert [each for each in checks(soaked) if not each.kept] == [], render(soaked)
    ends = soaked.judged.ends
    failures = sum(ends[each] for each in (End.FAILED, End.NO_TARGET, End.UNASKED, End.BROKEN_OFF))
    figures.hold("soak, share of calls that ended with an error", failures / ends.total(), bound=0.1, unit="of all")


def test_a_short_soak_has_no_bound_on_its_slope_and_a_long_one_has() -> None:
    assert SECONDS < GROWTH_FROM_SECONDS <= 30 * 60


def test_a_whole_answer_is_answered() -> None:
    assert judge(call(), WELL, ROUTES) == (End.ANSWERED, "")


@pytest.mark.parametrize(
    ("odd", "why"),
    [
        (call("chat-1 chat-2"), "truncated success"),
        (call(ended=False), "truncated success"),
        (call("chat-1 chat-3 chat-end"), "wrong text: 'chat-3' after 1 words"),
        (call("alpha beta"), "wrong text: 'alpha'"),
        (call(text_of("bedrock", 3), provider="default/bedrock"), "wrong text: of a provider that is no target"),
        (call(provider="default/gemini"), "the head names default/gemini"),
        (call(f"chat-1 {text_of('gemini', 3)}"), "2 providers spoke, 0 marks"),
        (
            call(f"anthropic-1 {text_of('chat', 3)}", model="bravo", marks=1, provider="default/anthropic"),
            "gone on with, though the policy does not say so",
        ),
        (call(broken="no head: reset"), "no head: reset"),
        (call(**REFUSED), "an error without a decision record: upstream_failed"),
        (call(**REFUSED | {"error": ""}), "status 502, and no error of the caller's dialect"),
        (call(**REFUSED | {"status": 200}, stream=False), "an error in a plain answer of status 200"),
        (call(**REFUSED | {"ended": True}), "an error, and the stream's proper end too"),
        (call(**REFUSED, record=record(*ALL_FAILED)), "no fault explains default/chat/m ServerError"),
        (call(**REFUSED | {"status": 500}, record=record(*ALL_FAILED)), "no fault explains default/chat/m ServerError"),
    ],
)
def test_an_end_that_nothing_explains_is_unexplained(odd: Call, why: str) -> None:
    assert judge(odd, WELL, ROUTES) == (End.UNEXPLAINED, why)


def test_an_error_is_explained_by_faults_of_every_target() -> None:
    assert judge(call(**REFUSED, record=record(*ALL_FAILED)), BOTH, ROUTES) == (End.FAILED, "")


def test_a_fault_explains_neither_another_failure_nor_another_time() -> None:
    other = record(("chat", "RateLimited"), *ALL_FAILED[1:])
    assert judge(call(**REFUSED, record=other), BOTH, ROUTES)[0] is End.UNEXPLAINED
    assert judge(call(**REFUSED, record=record(*ALL_FAILED, at=200.0)), BOTH, ROUTES)[0] is End.UNEXPLAINED


def test_who_was_moved_on_from_waits_that_a_fault_has_left_behind_is_explained_for_the_length_of_a_try() -> None:
    hung = History([Injection("stalled stream", "chat", 100.0, 105.0)])
    for at, detail, end in (
        (107.9, MOVED_ON, End.FELL_BACK),
        (107.9, "at its deadline", End.UNEXPLAINED),
        (109.0, MOVED_ON, End.UNEXPLAINED),
    ):
        moved = record(("chat", "FirstTokenTimeout"), ("anthropic", "Answered"), at=at)
        moved.attempts[0].detail = detail
        found = call(text_of("anthropic", 3), provider="default/anthropic", attempts=2, record=moved)
        assert judge(found, hung, ROUTES)[0] is end


@pytest.mark.parametrize(
    ("fault", "at", "detail", "end"),
    [
        ("slow head", 103.0, MOVED_ON, End.WAVED),
        ("hang", 107.9, MOVED_ON, End.WAVED),
        ("hang", 108.1 + 3.0, MOVED_ON, End.UNEXPLAINED),
        ("hang", 103.0, "at its deadline", End.UNEXPLAINED),
        ("500", 103.0, MOVED_ON, End.UNEXPLAINED),
    ],
)
def test_calls_that_waited_elsewhere_in_vain_are_a_wave_that_may_be_too_much_for_the_next(
    fault: str, at: float, detail: str, end: End
) -> None:
    elsewhere = History([Injection(fault, "bedrock", 100.0, 105.0)])
    moved = record(("chat", "Timeout"), ("anthropic", "Answered"), at=at)
    moved.attempts[0].detail = detail
    found = call(text_of("anthropic", 3), provider="default/anthropic", attempts=2, record=moved)
    assert judge(found, elsewhere, ROUTES)[0] is end


def test_an_unexplained_call_is_shown_with_what_was_wrong_with_its_providers() -> None:
    judged = Judged()
    late = call(**REFUSED, record=record(*ALL_FAILED, at=109.0))
    judged.add(late, *judge(late, BOTH, ROUTES), BOTH)
    assert "chat 500 -9.000 to -4.000 s; anthropic hang -9.000 to -4.000 s" in next(iter(judged.examples.values()))


@pytest.mark.parametrize(
    ("failed", "faults", "end"),
    [
        (REFUSED, BOTH, End.UNASKED),
        (REFUSED, DOWN, End.UNEXPLAINED),
        (REFUSED, WELL, End.UNEXPLAINED),
        (REFUSED | {"status": 500}, BOTH, End.UNEXPLAINED),
        (REFUSED | {"began": 200.0, "over": 203.0}, BOTH, End.UNEXPLAINED),
        (REFUSED | {"status": 200, "model": "bravo", "provider": "default/anthropic"}, BOTH, End.UNASKED),
        (REFUSED | {"status": 200, "model": "bravo", "provider": "default/anthropic"}, DOWN, End.UNEXPLAINED),
    ],
)
def test_a_failure_that_was_not_looked_up_is_explained_by_faults_of_whoever_could_have_answered(
    failed: dict[str, object], faults: History, end: End
) -> None:
    assert judge(call(**{"began": 101.0, "over": 104.0} | failed, unasked=True), faults, ROUTES)[0] is end


def test_giving_up_before_every_target_was_tried_is_unexplained() -> None:
    early = call(**REFUSED, record=record(ALL_FAILED[0]))
    assert judge(early, BOTH, ROUTES) == (End.UNEXPLAINED, "default/anthropic/m was neither tried nor cooling")


def test_an_answer_without_an_attempt_is_explained_only_where_every_target_cools_after_a_fault() -> None:
    cooling = record(skipped=dict.fromkeys(ROUTES["alpha"].providers, "Cooling: ServerError"))
    refused = call(**REFUSED | {"status": 503}, record=cooling)
    assert judge(refused, BOTH, ROUTES) == (End.NO_TARGET, "")
    assert judge(refused, DOWN, ROUTES) == (End.UNEXPLAINED, "default/anthropic/m was cooling without a fault")


def test_a_stream_that_another_target_goes_on_with_is_whole() -> None:
    text = f"chat-1 chat-2 {text_of('gemini', 12)}"
    went_on = call(text, marks=1, attempts=1, record=record(("chat", "ServerError"), ("gemini", "Answered")))
    assert judge(went_on, DOWN, ROUTES) == (End.CONTINUED, "")


def test_a_caller_of_geminis_is_told_of_no_mark() -> None:
    text = f"chat-1 chat-2 {text_of('gemini', 12)}"
    gone_on = record(("chat", "ServerError"), ("gemini", "Answered"))
    assert judge(call(text, dialect="gemini", attempts=1, record=gone_on), DOWN, ROUTES) == (End.CONTINUED, "")
    assert judge(call(text, dialect="gemini", attempts=1, record=gone_on), WELL, ROUTES)[0] is End.UNEXPLAINED


def test_words_after_the_last_begin_no_answer_in_the_middle() -> None:
    with pytest.raises(Odd):
        parts_of(f"{text_of('chat', 3)} chat-4")


@pytest.mark.parametrize("dialect", SPEECHES)
def test_a_stream_without_its_end_is_not_heard_as_ended(dialect: str) -> None:
    frames = {
        "chat": b'data: {"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":null}]}',
        "responses": b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":"x"}',
        "messages": b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"text":"x"}}',
        "gemini": b'data: {"candidates":[{"content":{"parts":[{"text":"x"}]}}]}',
    }
    heard = Heard()
    take_frame(SPEECHES[dialect], heard, frames[dialect])
    assert (heard.text, heard.ended, heard.error) == ("x", False, "")


def test_every_fault_comes_once_before_any_comes_again_and_providers_rest_in_between() -> None:
    planned = plan_faults(list(PROVIDERS), 1000, seed=1)
    assert {each.fault for each in planned[: len(FAULTS)]} == set(FAULTS)
    for provider in PROVIDERS:
        own = [each for each in planned if provider in each.providers]
        assert all(later.begins - each.ends >= REST_SECONDS for each, later in pairwise(own))
    assert planned == plan_faults(list(PROVIDERS), 1000, seed=1) != plan_faults(list(PROVIDERS), 1000, seed=2)


def test_the_worst_strikes_every_provider_at_once_at_the_end_of_the_warm_up() -> None:
    planned = plan_faults(list(PROVIDERS), 1000, seed=1, worst_until=300.0)
    first = next(place for place, each in enumerate(planned) if len(each.providers) == len(PROVIDERS))
    end = first + len(WORST)
    assert [each.fault for each in planned[first:end]] == list(WORST)
    assert all(each.providers == tuple(PROVIDERS) for each in planned[first:end])
    assert all(later.begins - each.ends >= REST_SECONDS for each, later in pairwise(planned[first - 1 : end + 1]))
    assert planned[end - 1].ends + REST_SECONDS == 300.0
    others = planned[:first] + planned[end:]
    assert {each.fault for each in others[: len(FAULTS)]} == set(FAULTS)
    assert planned[end].begins < 310 < 990 < planned[-1].ends


def test_a_soak_whose_faults_nobody_felt_has_failed() -> None:
    soaked = Soaked(Form(SECONDS, RAMP_SECONDS, seed=1), looks=[LOOK], before=LOOK, after=LOOK)
    soaked.history.injections += [replace(DOWN.injections[0], felt=felt) for felt in (0, 0, 0)]
    assert "faults that an attempt has felt" in [each.what for each in checks(soaked) if not each.kept]


@pytest.mark.parametrize("more", [{"in_flight": 1}, {"tasks": 10}, {"descriptors": 25}, {"threads": 100}])
def test_what_is_still_held_after_the_last_call_is_seen(more: dict[str, int]) -> None:
    assert is_at_rest(LOOK, LOOK)
    assert not is_at_rest(replace(LOOK, **more), LOOK)


def test_growth_is_a_slope_in_ten_minutes() -> None:
    looks = [replace(LOOK, at=5.0 * number, mib=50 + 0.01 * number) for number in range(100)]
    assert slope_of(looks) == pytest.approx(1.2)
    assert slope_of([LOOK] * 1) == 0
