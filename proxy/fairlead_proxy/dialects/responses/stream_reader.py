"""Reading a streamed answer of the Responses API, event by event."""

from typing import Any

from fairlead_proxy.dialects.failures import ended_early
from fairlead_proxy.dialects.responses.answer import (
    call_id_of,
    chances_of,
    created_of,
    custom_arguments,
    parts_of_item,
    reasoning_of,
    stop_of,
)
from fairlead_proxy.dialects.responses.failures import failure_of
from fairlead_proxy.dialects.responses.open_parts import OpenParts, PartKey
from fairlead_proxy.dialects.responses.parts import read_citation
from fairlead_proxy.dialects.responses.usage import read_usage
from fairlead_proxy.dialects.sse import Event
from fairlead_proxy.dialects.told_json import count_of, list_of, text_in, told_frame
from fairlead_proxy.exchange.completion import (
    AnswerPart,
    Began,
    ChoiceEnded,
    Ended,
    StreamEvent,
    UsageTold,
)
from fairlead_proxy.exchange.conversation import Reasoning, Refusal, Text, ToolCall

JsonObject = dict[str, Any]

_DONE = b"[DONE]"
_PREFIX = "response."
_BEGINNINGS = frozenset({"created", "in_progress", "queued"})
_ENDS = frozenset({"completed", "incomplete"})
_SIGNS_OF_LIFE = frozenset({"keepalive", "ping"})
_NOTHING_NEW = frozenset(
    {
        "custom_tool_call_input.delta",
        "custom_tool_call_input.done",
        "reasoning_summary_part.added",
        "reasoning_summary_part.done",
        "reasoning_summary_text.done",
        "reasoning_text.done",
    }
)
"""Events about parts that are read from others."""
_EMPTY_AT_FIRST = frozenset({"message", "reasoning", "output_text", "refusal", "reasoning_text", "summary_text"})
"""Items, and parts of them, that begin empty."""


class ResponsesStreamReader:
    """See StreamReader. Source: https://platform.openai.com/docs/api-reference/responses-streaming

    What the deltas left out is taken from the events that repeat a part or an item whole.
    """

    def __init__(self) -> None:
        self.ended = False
        self.passed_over = False
        self._began = False
        self._parts = OpenParts()
        self._summary_index: dict[int, object] = {}

    def take(self, frame: Event) -> list[StreamEvent]:
        if self.ended or frame.data is None or frame.data.strip() == _DONE:
            return []
        event = told_frame(frame)
        type_ = text_in(event, "type") or frame.name.decode(errors="replace")
        if type_ == "error" or (event.get("error") and not type_.startswith(_PREFIX)):
            raise failure_of(event.get("error") or _without_frame(event), "stream")
        if not type_.startswith(_PREFIX):
            self.passed_over = self.passed_over or bool(type_ and type_ not in _SIGNS_OF_LIFE)
            return []
        return self._take(type_.removeprefix(_PREFIX), event)

    def finish(self) -> list[StreamEvent]:
        if not self.ended:
            raise ended_early()
        return []

    def _take(self, name: str, event: JsonObject) -> list[StreamEvent]:
        found: list[StreamEvent] = []
        if name == "failed":
            response = event.get("response")
            raise failure_of(response.get("error") if isinstance(response, dict) else None, "stream")
        if name in _BEGINNINGS:
            self._begin(event.get("response"), found)
        elif name in _ENDS:
            self._end(event.get("response"), name, found)
        else:
            self._take_piece(name, event, found)
        return found

    def _begin(self, response: object, found: list[StreamEvent]) -> None:
        if self._began:
            return
        self._began = True
        if isinstance(response, dict):
            found.append(Began(text_in(response, "id"), text_in(response, "model"), created_of(response)))
        else:
            found.append(Began())

    def _take_piece(self, name: str, event: JsonObject, found: list[StreamEvent]) -> None:
        """Take an event within an item. The content of a message is a part; so is any other item."""
        item, content = count_of(event.get("output_index")), count_of(event.get("content_index"))
        pieces: list[StreamEvent] = []
        parts = self._parts
        match name:
            case "output_item.added":
                self._take_added(item, event.get("item"), pieces)
            case "content_part.added" | "content_part.done":
                self._take_content((item, content), event.get("part"), name == "content_part.done", pieces)
            case "output_text.delta":
                chances = chances_of(event.get("logprobs"))
                parts.grow((item, content), Text(""), text_in(event, "delta"), pieces, chances)
            case "output_text.done":
                parts.complete((item, content), Text(""), text_in(event, "text"), pieces)
            case "output_text.annotation.added":
                citation = read_citation(event.get("annotation"))
                if citation is not None:
                    parts.cite((item, content), citation, pieces)
            case "refusal.delta":
                parts.grow((item, content), Refusal(""), text_in(event, "delta"), pieces)
            case "refusal.done":
                parts.complete((item, content), Refusal(""), text_in(event, "refusal"), pieces)
            case "reasoning_summary_text.delta" | "reasoning_text.delta":
                self._take_reasoning(item, name, event, pieces)
            case "function_call_arguments.delta":
                parts.grow_begun((item, -1), text_in(event, "delta"), pieces)
            case "function_call_arguments.done":
                parts.complete_begun((item, -1), text_in(event, "arguments"), pieces)
            case "output_item.done":
                self._take_done(item, event.get("item"), pieces)
            case _:
                self.passed_over = self.passed_over or name not in _NOTHING_NEW
        if pieces:
            self._begin(None, found)
            found += pieces

    def _take_added(self, item: int, value: object, pieces: list[StreamEvent]) -> None:
        """Begin a call. What else begins here has nothing in it yet: it begins when it has."""
        if isinstance(value, dict) and value.get("type") in ("function_call", "custom_tool_call"):
            call = ToolCall(call_id_of(value, item), text_in(value, "name"), "")
            self._parts.begin((item, -1), call, pieces)
        else:
            self._pass_over(value)

    def _pass_over(self, value: object) -> None:
        """Note an item, or a part of one, that begins, unless it is of those that have nothing in them yet."""
        type_ = value.get("type") if isinstance(value, dict) else None
        if isinstance(type_, str) and type_ not in _EMPTY_AT_FIRST:
            self.passed_over = True

    def _take_content(self, key: PartKey, value: object, done: bool, pieces: list[StreamEvent]) -> None:
        empty: AnswerPart | None = None
        whole = ""
        if isinstance(value, dict) and value.get("type") == "output_text":
            empty, whole = Text(""), text_in(value, "text")
        elif isinstance(value, dict) and value.get("type") == "refusal":
            empty, whole = Refusal(""), text_in(value, "refusal")
        if empty is None:
            self._pass_over(value)
            return
        if whole:
            self._parts.complete(key, empty, whole, pieces)
        else:
            self._parts.begin(key, empty, pieces)
        if done:
            self._parts.end(key, pieces)

    def _take_reasoning(self, item: int, name: str, event: JsonObject, pieces: list[StreamEvent]) -> None:
        """Grow reasoning: by its summary, whose parts a blank line divides, or by its text; by one of them alone."""
        text = text_in(event, "delta")
        if not text:
            return
        is_summary = name == "reasoning_summary_text.delta"
        place = (is_summary, count_of(event.get("summary_index" if is_summary else "content_index")))
        before = self._summary_index.get(item)
        if isinstance(before, tuple) and before[0] is not is_summary:
            return
        if before is not None and before != place:
            text = f"\n\n{text}"
        self._summary_index[item] = place
        self._parts.grow((item, -1), Reasoning(id=text_in(event, "item_id") or None), text, pieces)

    def _take_done(self, item: int, value: object, pieces: list[StreamEvent]) -> None:
        """End an item, with what of it had not been told."""
        if not isinstance(value, dict):
            return
        parts, key = self._parts, (item, -1)
        match value.get("type"):
            case "message":
                for content, part in enumerate(list_of(value.get("content"))):
                    self._take_content((item, content), part, True, pieces)
            case "function_call":
                self._take_added(item, value, pieces)
                parts.complete_begun(key, text_in(value, "arguments"), pieces)
                parts.end(key, pieces)
            case "custom_tool_call":
                self._take_added(item, value, pieces)
                parts.complete_begun(key, custom_arguments(value), pieces)
                parts.end(key, pieces)
            case "reasoning":
                reasoning = reasoning_of(value)
                if reasoning is not None:
                    parts.finish_reasoning(key, reasoning, pieces)
            case _:
                self._pass_over(value)
                for image in parts_of_item(value, item):
                    parts.begin(key, image, pieces)
                    parts.end(key, pieces)

    def _end(self, response: object, name: str, found: list[StreamEvent]) -> None:
        """End the answer. Where nothing had come before, it is all in this event."""
        whole = response if isinstance(response, dict) else {}
        self._begin(whole, found)
        if not self._parts.seen:
            for index, item in enumerate(list_of(whole.get("output"))):
                self._take_done(index, item, found)
        self._parts.end_all(found)
        usage = read_usage(whole.get("usage"))
        if usage is not None:
            found.append(UsageTold(usage))
        found += (ChoiceEnded(stop_of({**whole, "status": name}, self._parts.seen)), Ended())
        self.ended = True


def _without_frame(event: JsonObject) -> JsonObject:
    """Return the error that an event is itself; its `type` is the event's."""
    return {name: value for name, value in event.items() if name not in ("type", "sequence_number")}
