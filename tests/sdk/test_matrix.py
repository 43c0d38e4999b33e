"""Every SDK against every dialect of a provider: the same application, wherever its model stands."""

import pytest
from sdk.callers import CALLERS, Caller, Question
from sdk.conftest import UPSTREAMS, House

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")
"""google-genai makes such a class."""

WORDS = "alpha beta gamma delta epsilon"

each_caller = pytest.mark.parametrize("caller", CALLERS)
each_upstream = pytest.mark.parametrize("upstream", UPSTREAMS)
each_mode = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
each_kind = pytest.mark.parametrize("use_async", [False, True], ids=["sync", "async"])


def open_caller(house: House, caller: str, model: str, *, use_async: bool = False) -> Caller:
    return CALLERS[caller](house.host, model, use_async=use_async)


@each_caller
@each_upstream
@each_mode
@each_kind
def test_text_arrives_with_its_counts(house: House, caller: str, upstream: str, stream: bool, use_async: bool) -> None:
    house.upstream.behave(cached_tokens=3, reasoning_tokens=2)
    heard = open_caller(house, caller, upstream, use_async=use_async).ask(Question(), stream=stream)
    bill = house.upstream.seen()["invoice"][-1]
    assert bill["refused"] == ""
    assert heard.text.strip() == WORDS
    assert heard.stop == "end"
    assert (heard.input_tokens, heard.output_tokens) == (bill["input_tokens"], bill["output_tokens"])
    assert bill["stream"] is stream


@each_caller
@each_upstream
@each_mode
@each_kind
def test_a_tool_is_called_and_its_result_understood(
    house: House, caller: str, upstream: str, stream: bool, use_async: bool
) -> None:
    house.upstream.behave(answer="tools")
    talking = open_caller(house, caller, upstream, use_async=use_async)
    heard = talking.ask(Question(tools=True), stream=stream)
    assert heard.tools == [("weather", {"city": "Paris"})]
    assert heard.stop == "tools"
    last = talking.give_results(heard, ["sunny"], stream=stream)
    assert house.upstream.seen()["invoice"][-1]["refused"] == ""
    assert "sunny" in last.text
    assert last.stop == "end"


@each_caller
@each_upstream
@each_mode
def test_two_tools_are_called_at_once(house: House, caller: str, upstream: str, stream: bool) -> None:
    house.upstream.behave(answer="parallel")
    talking = open_caller(house, caller, upstream)
    heard = talking.ask(Question(tools=True), stream=stream)
    assert heard.tools == [("weather", {"city": "Paris"}), ("weather", {"city": "Rome"})]
    last = talking.give_results(heard, ["sunny", "rainy"], stream=stream)
    assert last.text.index("sunny") < last.text.index("rainy")


@each_caller
@each_upstream
@each_mode
def test_an_image_reaches_the_provider(house: House, caller: str, upstream: str, stream: bool) -> None:
    house.upstream.behave()
    heard = open_caller(house, caller, upstream).ask(Question(image=True), stream=stream)
    assert heard.text.strip() == WORDS
    assert house.upstream.seen()["invoice"][-1]["media"] == ["image"]


@each_caller
@each_upstream
@each_mode
@each_kind
def test_an_answer_follows_the_schema(house: House, caller: str, upstream: str, stream: bool, use_async: bool) -> None:
    house.upstream.behave(answer="json")
    talking = open_caller(house, caller, upstream, use_async=use_async)
    heard = talking.ask(Question(schema=True), stream=stream)
    assert heard.text == '{"answer": 42, "city":"Paris"}'
    body = house.upstream.seen()["requests"][-1]["body"]
    assert "additionalProperties" in body


@each_caller
@each_upstream
@each_mode
def test_reasoning_is_seen_and_comes_back_unharmed(house: House, caller: str, upstream: str, stream: bool) -> None:
    house.upstream.behave(answer="tools")
    talking = open_caller(house, caller, upstream)
    heard = talking.ask(Question(tools=True, reasoning=True), stream=stream)
    assert heard.tools == [("weather", {"city": "Paris"})]
    if upstream not in ("chat", "azure"):  # a chat provider's reasoning is never asked back
        assert heard.reasoning.strip() == "let me think"
    last = talking.give_results(heard, ["sunny"], stream=stream)
    assert house.upstream.seen()["invoice"][-1]["refused"] == ""
    assert "sunny" in last.text


@each_caller
@each_upstream
@each_mode
def test_an_answer_that_is_cut_by_its_length_says_so(house: House, caller: str, upstream: str, stream: bool) -> None:
    house.upstream.behave(answer="length")
    heard = open_caller(house, caller, upstream).ask(Question(), stream=stream)
    assert heard.stop == "length"


@each_caller
@each_upstream
@each_mode
@pytest.mark.parametrize(
    ("status", "told", "use_async"),
    [(500, 502, False), (429, 429, False), (401, 502, False), (400, 400, False), (500, 502, True), (400, 400, True)],
)
def test_an_error_is_raised_as_the_sdk_knows_it(
    house: House, caller: str, upstream: str, stream: bool, status: int, told: int, use_async: bool
) -> None:
    house.upstream.behave("status", status=status)
    talking = open_caller(house, caller, upstream, use_async=use_async)
    with pytest.raises(talking.failures) as caught:
        talking.ask(Question(), stream=stream)
    assert talking.status_of(caught.value) == told


@each_caller
@each_upstream
@each_kind
def test_a_stream_that_breaks_off_raises(house: House, caller: str, upstream: str, use_async: bool) -> None:
    house.upstream.behave("cut_after", before_tokens=3)
    talking = open_caller(house, caller, upstream, use_async=use_async)
    with pytest.raises(talking.failures):
        talking.ask(Question(), stream=True)
