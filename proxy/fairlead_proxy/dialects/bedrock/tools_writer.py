"""The tools of a call, and which of them may or must be called.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolConfiguration.html
"""

from fairlead_proxy.dialects.bedrock.blocks import BlockWriter
from fairlead_proxy.dialects.losses import Loss
from fairlead_proxy.exchange.conversation import (
    Conversation,
    JsonObject,
    Tool,
    ToolCall,
    ToolChoice,
    ToolChoiceMode,
    ToolResult,
)

_NO_PARAMETERS: JsonObject = {"type": "object", "properties": {}}


def write_tools(conversation: Conversation, blocks: BlockWriter, lost: set[str]) -> JsonObject | None:
    """Return the member `toolConfig`; None where it is left out, which is how no tool is called.

    It must be there once a message holds a call or a result, with a tool in it at least.
    """
    choice = conversation.tool_choice
    offered = _offered(conversation.tools, choice)
    called = _called(conversation)
    if not offered or (choice is not None and choice.mode is ToolChoiceMode.NONE):
        if not called:
            return None
        lost.add(Loss.NO_CALLS if conversation.tools else Loss.UNOFFERED_TOOLS)
        offered, choice = conversation.tools or tuple(Tool(name) for name in called), None
    config: JsonObject = {"tools": [written for tool in offered for written in _tool(tool, blocks)]}
    if choice is not None:
        config["toolChoice"] = _choice(choice)
    return config


def is_forced(conversation: Conversation) -> bool:
    """Say whether the model must call a tool."""
    choice = conversation.tool_choice
    return choice is not None and choice.mode in (ToolChoiceMode.ANY, ToolChoiceMode.NAMED)


def _offered(tools: tuple[Tool, ...], choice: ToolChoice | None) -> tuple[Tool, ...]:
    """Return the tools that may be called: who may call but some is offered no others."""
    if choice is None or not choice.names or choice.mode is ToolChoiceMode.NAMED:
        return tools
    return tuple(tool for tool in tools if tool.name in choice.names)


def _called(conversation: Conversation) -> list[str]:
    """Return the names of the tools that the conversation speaks of, each once; a result may name none."""
    names = [part.name for turn in conversation.turns for part in turn.parts if isinstance(part, ToolCall | ToolResult)]
    return list(dict.fromkeys(name or "tool" for name in names))


def _tool(tool: Tool, blocks: BlockWriter) -> list[JsonObject]:
    specification: JsonObject = {"name": tool.name, "inputSchema": {"json": tool.parameters or _NO_PARAMETERS}}
    if tool.description:
        specification["description"] = tool.description
    if tool.strict:
        specification["strict"] = True
    return [{"toolSpec": specification}, *blocks.cache_point(tool.cache)]


def _choice(choice: ToolChoice) -> JsonObject:
    match choice.mode:
        case ToolChoiceMode.ANY:
            return {"any": {}}
        case ToolChoiceMode.NAMED:
            return {"tool": {"name": choice.names[0]}} if choice.names else {"any": {}}
        case ToolChoiceMode.AUTO | ToolChoiceMode.NONE:
            return {"auto": {}}
