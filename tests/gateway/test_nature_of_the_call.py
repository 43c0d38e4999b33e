"""What becomes of a call that a provider finds too long, or filters: the rule decides, and no provider is blamed."""

import json

import pytest
from doubles.gateway_rig import Rig, config, provider
from doubles.scripted_transport import DONE, EVENTS, JSON, Answer, error, plain, stream
from doubles.virtual_time import run_virtual

from fairlead_proxy.contract.config import Resilience
from fairlead_proxy.contract.keys import KeyRing
from fairlead_proxy.contract.names import WhenFiltered, WhenTooLong

TOO_LONG, FILTERED = error(400, "context_length_exceeded"), error(400, "content_filter")
FALLBACK = Resilience(filtered=WhenFiltered.FALLBACK)

each_mode = pytest.mark.parametrize("streamed", [False, True], ids=["plain", "stream"])


def filtered_answer() -> Answer:
    """A good status whose one choice was filtered before any content."""
    choice = {"index": 0, "message": {"role": "assistant", "content": ""}, "finish_reason": "content_filter"}
    return Answer(body=[json.dumps({"choices": [choice], "usage": {"prompt_tokens": 3}}).encode()])


def filtered_stream() -> Answer:
    chunk = {"choices": [{"index": 0, "delta": {}, "finish_reason": "content_filter"}]}
    return Answer(headers=EVENTS, body=[b"data: " + json.dumps(chunk).encode() + b"\n\n", DONE])


@each_mode
@pytest.mark.parametrize(
    ("first", "second", "asked"),
    [
        (1000, 2000, ["team/a", "team/b"]),
        (1000, None, ["team/a", "team/b"]),
        (None, None, ["team/a", "team/b"]),
        (1000, 1000, ["team/a"]),
        (2000, 1000, ["team/a"]),
    ],
    ids=["larger", "unstated", "both-unstated", "as-large", "smaller"],
)
def test_a_call_that_is_too_long_goes_to_a_larger_model_only(
    first: int | None, second: int | None, asked: list[str], streamed: bool
) -> None:
    async def main() -> None:
        providers = [provider("a", context_window=first), provider("b", context_window=second)]
        rig = Rig(config(providers), {"a": [TOO_LONG], "b": [stream() if streamed else plain()]})
        caller = await rig.call(stream=streamed)
        assert rig.transport.asked() == asked
        answered = len(asked) == 2
        assert caller.status == (200 if answered else 400)
        assert rig.outcomes_of() == ["ContextLengthExceeded", "Answered"][: len(asked)]
        assert all(seen.failures == 0 for seen in rig.health.observations(caller.status))

    run_virtual(main())


@each_mode
def test_a_call_too_long_for_all_of_them_is_refused_in_the_last_ones_words(streamed: bool) -> None:
    async def main() -> None:
        last = Answer(400, JSON, [b'{"error":{"message":"too long here too","code":"context_length_exceeded"}}'])
        rig = Rig(config([provider("a"), provider("b")]), {"a": [TOO_LONG], "b": [last]})
        caller = await rig.call(stream=streamed)
        assert (caller.status, caller.body) == (400, last.body[0])
        assert rig.outcomes_of() == ["ContextLengthExceeded", "ContextLengthExceeded"]
        assert rig.record().reason == "ContextLengthExceeded"

    run_virtual(main())


@each_mode
@pytest.mark.parametrize(
    ("later", "status"), [(error(500), 502), (error(429, "", ("retry-after", "30")), 429)], ids=["500", "429"]
)
def test_a_larger_target_that_may_answer_later_is_not_hidden_by_the_refusal_before(
    later: Answer, status: int, streamed: bool
) -> None:
    async def main() -> None:
        rig = Rig(config([provider("a"), provider("b")]), {"a": [TOO_LONG], "b": [later]})
        caller = await rig.call(stream=streamed)
        assert caller.status == status
        assert ("retry-after" in caller.headers) is (status == 429)

    run_virtual(main())


@each_mode
def test_a_rule_may_deny_a_call_that_is_too_long(streamed: bool) -> None:
    async def main() -> None:
        denying = Resilience(too_long=WhenTooLong.DENY)
        rig = Rig(config([provider("a"), provider("b")], resilience=denying), {"a": [TOO_LONG], "b": [plain()]})
        assert (await rig.call(stream=streamed)).status == 400
        assert rig.transport.asked() == ["team/a"]

    run_virtual(main())


@each_mode
def test_another_credential_of_the_same_model_is_no_larger_model(streamed: bool) -> None:
    async def main() -> None:
        keys = KeyRing(credentials={"team/a/one": "k1", "team/a/two": "k2"})
        rig = Rig(config([provider("a", credentials=("one", "two"))]), {"a": [TOO_LONG]}, keys=keys)
        assert (await rig.call(stream=streamed)).status == 400
        assert len(rig.transport.asked()) == 1

    run_virtual(main())


@each_mode
@pytest.mark.parametrize("form", ["refusal", "answer"])
def test_what_is_filtered_is_denied_unless_the_rule_says_otherwise(streamed: bool, form: str) -> None:
    async def main() -> None:
        answer = FILTERED if form == "refusal" else filtered_stream() if streamed else filtered_answer()
        rig = Rig(config([provider("a"), provider("b")]), {"a": [answer], "b": [plain()]})
        caller = await rig.call(stream=streamed)
        assert caller.body == b"".join(part for part in answer.body if isinstance(part, bytes))
        assert caller.status == answer.status
        assert rig.outcomes_of() == ["ContentFiltered"]

    run_virtual(main())


@each_mode
@pytest.mark.parametrize("form", ["refusal", "answer"])
def test_what_is_filtered_goes_to_the_next_target_where_the_rule_says_so(streamed: bool, form: str) -> None:
    async def main() -> None:
        answer = FILTERED if form == "refusal" else filtered_stream() if streamed else filtered_answer()
        good = stream() if streamed else plain()
        rig = Rig(config([provider("a"), provider("b")], resilience=FALLBACK), {"a": [answer], "b": [good]})
        caller = await rig.call(stream=streamed)
        assert caller.status == 200
        assert b"hel" in caller.body
        assert rig.outcomes_of() == ["ContentFiltered", "Answered"]

    run_virtual(main())


def test_a_filter_that_cuts_in_after_content_ends_the_answer_as_the_provider_said() -> None:
    async def main() -> None:
        cut = stream(
            b'data: {"choices":[{"index":0,"delta":{"content":"so far"}}]}\n\n',
            b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"content_filter"}]}\n\n',
            DONE,
        )
        rig = Rig(config([provider("a"), provider("b")], resilience=FALLBACK), {"a": [cut], "b": [stream()]})
        caller = await rig.call(stream=True)
        assert caller.spoken == b"".join(part for part in cut.body if isinstance(part, bytes))
        assert rig.outcomes_of() == ["Answered"]

    run_virtual(main())
