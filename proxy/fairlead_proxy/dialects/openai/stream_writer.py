"""Writing a streamed chat answer for a caller, chunk by chunk."""

import msgspec

from fairlead_proxy.dialects.dialect import ReadRequest
from fairlead_proxy.dialects.openai.completion_writer import answer_id
from fairlead_proxy.dialects.openai.conversation import MAX_CHOICES, speaks_functions
from fairlead_proxy.dialects.openai.counts import write_counts
from fairlead_proxy.dialects.openai.written_choice import WrittenChoice
from fairlead_proxy.dialects.sse import Event
from fairlead_proxy.dialects.told_json import object_of, told_value
from fairlead_proxy.exchange.completion import (
    Began,
    ChoiceEnded,
    Ended,
    PartBegan,
    PartEnded,
    PartGrew,
    StreamEvent,
    UsageTold,
)
from fairlead_proxy.exchange.conversation import JsonObject
from fairlead_proxy.exchange.usage import Usage

_DATA, _EVENT_END = b"data: ", b"\n\n"
_DONE = b"data: [DONE]\n\n"


class ChatStreamWriter:
    """See StreamWriter. Source: https://platform.openai.com/docs/api-reference/chat-streaming

    Choices come in the order of their index, each with its role first: the openai SDK puts them together by place.
    """

    __slots__ = (
        "_adopted", "_as_functions", "_choices", "_frame_end", "_frame_start", "_head", "_now", "_request", "_usage",
    )  # fmt: skip

    def __init__(self, request: ReadRequest, *, now: float) -> None:
        self._request = request
        self._now = now
        self._as_functions = speaks_functions(request)
        self._choices: dict[int, WrittenChoice] = {}
        self._usage: Usage | None = None
        self._adopted = False
        # OpenAI's chunks say `"usage":null` where it has been asked for, but for the last.
        self._frame_end = b'],"usage":null}' + _EVENT_END if request.wants_usage else b"]}" + _EVENT_END
        self._head = self._head_of(Began())
        self._frame_start = _start_of(self._head)

    def write(self, event: StreamEvent) -> bytes:
        match event:
            case Began():
                self._head = self._head_of(event)
                self._frame_start = _start_of(self._head)
                return b""
            case PartBegan() | PartGrew() | PartEnded() | ChoiceEnded():
                return self._write_choice(event)
            case UsageTold():
                self._usage = event.usage
                return b""
            case Ended():
                return self._write_usage() + _DONE

    def adopt(self, frame: Event) -> bool:
        """See StreamWriter. Every chunk bears the same id, date and model: those of the first that has an id."""
        if not self._adopted:
            chunk = object_of(told_value(frame.data))
            if chunk.get("id"):
                self._adopted = True
                self._head.update({name: chunk[name] for name in self._head if name in chunk})
                self._frame_start = _start_of(self._head)
        return True

    def _write_choice(self, event: PartBegan | PartGrew | PartEnded | ChoiceEnded) -> bytes:
        frames = self._open(event.choice)
        choice = self._choices[event.choice]
        said = choice.take(event)
        if not said:
            return frames
        first = b"" if choice.has_role else self._frame(choice.role())
        return frames + first + b"".join(self._frame(each) for each in said)

    def _open(self, index: int) -> bytes:
        """Open a choice, and before it those that have not spoken yet."""
        frames = b""
        if index in self._choices:
            return frames
        for other in range(min(index, MAX_CHOICES)):
            choice = self._choices.setdefault(other, WrittenChoice(other, as_functions=self._as_functions))
            if not choice.has_role:
                frames += self._frame(choice.role())
        self._choices[index] = WrittenChoice(index, as_functions=self._as_functions)
        return frames

    def _frame(self, choice: JsonObject) -> bytes:
        return self._frame_start + msgspec.json.encode(choice) + self._frame_end

    def _head_of(self, began: Began) -> JsonObject:
        """Return what every chunk begins with, up to its choices."""
        created = began.created if began.created is not None else int(self._now)
        return {
            "id": answer_id(began.id, created),
            "object": "chat.completion.chunk",
            "created": created,
            "model": began.model or self._request.model,
        }

    def _write_usage(self) -> bytes:
        if self._usage is None or not self._request.wants_usage:
            return b""
        counts = msgspec.json.encode(write_counts(self._usage))
        return self._frame_start + b'],"usage":' + counts + b"}" + _EVENT_END


def _start_of(head: JsonObject) -> bytes:
    return _DATA + msgspec.json.encode(head)[:-1] + b',"choices":['
