"""Reading a whole request of the Responses API into the neutral vocabulary."""

from fairlead_proxy.contract.names import Mode
from fairlead_proxy.dialects.dialect import InvalidCall, ReadRequest
from fairlead_proxy.dialects.responses.input_items import read_input
from fairlead_proxy.dialects.responses.json_values import Members, decode_json
from fairlead_proxy.dialects.responses.settings import (
    Remarks,
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
_BINDING = ("previous_response_id", "conversation", "background", "prompt")
"""What the vendor keeps and does on its own side; nobody else has it."""
_SAYS_NOTHING: dict[str, object] = {"store": False, "truncation": "disabled", "background": False, "metadata": {}}
"""Values that ask for what every other dialect does anyway."""


def read_conversation(request: ReadRequest) -> Conversation:
    """Return the request in neutral words; raise InvalidCall naming the member at fault.

    Source: https://platform.openai.com/docs/api-reference/responses/create. Instructions are a system message before
    everything else.
    """
    try:
        members = Members(decode_json(request.body), "")
    except ValueError as error:
        raise InvalidCall(f"the request body is not valid JSON: {error}") from None
    remarks = Remarks()
    for name in members.given():
        if name not in _READ and (name not in _SAYS_NOTHING or members.value(name) != _SAYS_NOTHING[name]):
            (remarks.bind_to if name in _BINDING else remarks.leave_out)(name)
    turns = read_input(members, remarks)
    instructions = members.text("instructions")
    if instructions:
        turns.insert(0, Turn(Role.SYSTEM, (Text(instructions),)))
    limit = members.whole("max_output_tokens")
    if limit is not None and limit < 1:
        raise InvalidCall(f"'max_output_tokens' is {limit}: give a number above 0", "max_output_tokens")
    return Conversation(
        tuple(turns),
        tools=read_tools(members, remarks),
        tool_choice=read_tool_choice(members, remarks),
        parallel_tools=members.flag("parallel_tool_calls"),
        max_tokens=limit,
        sampling=read_sampling(members, remarks),
        form=read_form(members, remarks),
        thinking=read_thinking(members, remarks),
        user=members.text("safety_identifier") or members.text("user") or None,
        service_tier=members.text("service_tier"),
        stream=request.mode is Mode.STREAM,
        left_out=remarks.left_out,
        bound_to=remarks.bound_to,
    )
