"""Reading a whole request of the Responses API into the neutral vocabulary."""

from fairlead_proxy.contract.names import Mode
from fairlead_proxy.dialects.dialect import ReadRequest
from fairlead_proxy.dialects.given_json import read_given
from fairlead_proxy.dialects.notes import Notes
from fairlead_proxy.dialects.responses.input_items import read_input
from fairlead_proxy.dialects.responses.settings import (
    read_form,
    read_sampling,
    read_thinking,
    read_tool_choice,
    read_tools,
)
from fairlead_proxy.exchange.conversation import Conversation, Role, Text, Turn

_READ = frozenset(
    {
        "model", "stream", "input", "instructions", "tools", "tool_choice", "parallel_tool_calls", "text", "reasoning",
        "include", "max_output_tokens", "temperature", "top_p", "top_logprobs", "user", "safety_identifier",
        "service_tier",
    }
)  # fmt: skip
_BINDING = ("previous_response_id", "conversation", "background", "prompt", "moderation")
"""What the vendor keeps and does on its own side; nobody else has it."""
_SAYS_NOTHING: dict[str, object] = {"store": False, "truncation": "disabled", "background": False, "metadata": {}}
"""Values that ask for what every other dialect does anyway."""


def read_conversation(request: ReadRequest) -> Conversation:
    """Return the request in neutral words; raise InvalidCall naming the member at fault.

    Source: https://platform.openai.com/docs/api-reference/responses/create. Instructions are a system message before
    everything else.
    """
    members = read_given(request.body)
    notes = Notes()
    for name in members.names():
        if name not in _READ and (name not in _SAYS_NOTHING or members.take(name) != _SAYS_NOTHING[name]):
            (notes.bind_to if name in _BINDING else notes.leave_out)(name)
    turns = read_input(members, notes)
    instructions = members.text("instructions")
    if instructions:
        turns.insert(0, Turn(Role.SYSTEM, (Text(instructions),)))
    limit = members.whole("max_output_tokens", 1)
    return Conversation(
        tuple(turns),
        tools=read_tools(members, notes),
        tool_choice=read_tool_choice(members, notes),
        parallel_tools=members.flag("parallel_tool_calls"),
        max_tokens=limit,
        sampling=read_sampling(members, notes),
        form=read_form(members, notes),
        thinking=read_thinking(members, notes),
        user=members.text("safety_identifier") or members.text("user") or None,
        service_tier=members.text("service_tier"),
        stream=request.mode is Mode.STREAM,
        left_out=notes.left_out,
        bound_to=notes.bound_to,
    )
