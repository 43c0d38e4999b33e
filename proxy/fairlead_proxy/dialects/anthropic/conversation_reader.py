"""Reading a whole request in Anthropic's form into the neutral vocabulary."""

from msgspec import structs

from fairlead_proxy.contract.names import Mode
from fairlead_proxy.dialects.anthropic.content_reader import ContentReader, read_cache
from fairlead_proxy.dialects.anthropic.given import Block, decode_body
from fairlead_proxy.dialects.dialect import ReadRequest
from fairlead_proxy.dialects.notes import Notes
from fairlead_proxy.exchange.conversation import (
    AnswerForm,
    Conversation,
    Role,
    Sampling,
    Thinking,
    Tool,
    ToolChoice,
    ToolChoiceMode,
    Turn,
)

NEUTRAL_TIERS = {"standard_only": "default"}
"""Service tiers that have another name here than in the neutral vocabulary.

Source: https://docs.anthropic.com/en/api/service-tiers
"""

_ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT, "system": Role.SYSTEM}
_CUSTOM = (None, "custom")
_EFFORTS = frozenset({"low", "medium", "high", "xhigh", "max"})
_BINDING = {
    "container": "a container, which Anthropic itself runs",
    "mcp_servers": "MCP servers, which Anthropic itself calls",
    "thread": "a thread, which Anthropic itself keeps",
    "compaction": "compaction, which Anthropic itself does",
}
"""Members whose loss would change the answer, and the words for them."""
_ANYWHERE = "global"
"""The `inference_geo` that asks for no place: https://docs.anthropic.com/en/docs/build-with-claude/data-residency"""

_CHOICES = {
    "auto": ToolChoiceMode.AUTO,
    "any": ToolChoiceMode.ANY,
    "none": ToolChoiceMode.NONE,
    "tool": ToolChoiceMode.NAMED,
}


def read_conversation(request: ReadRequest) -> Conversation:
    """Return the whole request in neutral words; raise InvalidCall naming the member at fault.

    Source: https://docs.anthropic.com/en/api/messages. What the vendor demands is not demanded here, where the neutral
    vocabulary can do without it, such as `max_tokens`.
    """
    notes = Notes()
    body = Block(decode_body(request.body))
    body.pass_over("model", "stream")
    for name, words in _BINDING.items():
        if name in body:
            notes.bind_to(words)
        body.pass_over(name)
    if body.text("inference_geo") not in (None, "", _ANYWHERE):
        notes.bind_to("inference_geo, a place that Anthropic itself keeps to")
    turns = _read_turns(body, notes)
    tools = _read_tools(body, notes)
    choice, parallel = _read_choice(body, notes)
    tier = body.text("service_tier")
    conversation = Conversation(
        turns=turns,
        tools=tools,
        tool_choice=choice,
        parallel_tools=parallel,
        max_tokens=body.whole("max_tokens"),
        stop=body.texts("stop_sequences"),
        sampling=Sampling(body.number("temperature"), body.number("top_p"), body.whole("top_k")),
        form=_read_form(body, notes),
        thinking=_read_thinking(body, notes),
        user=_read_user(body, notes),
        service_tier=None if tier is None else NEUTRAL_TIERS.get(tier, tier),
        stream=request.mode is Mode.STREAM,
    )
    body.leave_rest_out(notes)
    return structs.replace(conversation, left_out=notes.left_out, bound_to=notes.bound_to)


def _read_turns(body: Block, notes: Notes) -> tuple[Turn, ...]:
    reader = ContentReader(notes)
    turns: list[Turn] = []
    if "system" in body:
        turns.append(Turn(Role.SYSTEM, reader.read_texts(body, "system")))
    for message in body.objects("messages"):
        role = _ROLES.get(message.needed_text("role"))
        if role is None:
            raise message.refuse_choice("role", "user, assistant or system")
        if "content" not in message:
            raise message.refuse_choice("content", "a string or a list of blocks")
        turns.append(Turn(role, reader.read_texts(message, "content") if role is Role.SYSTEM else reader.read(message)))
        message.leave_rest_out(notes)
    return tuple(turns)


def _read_tools(body: Block, notes: Notes) -> tuple[Tool, ...]:
    tools: list[Tool] = []
    for tool in body.objects("tools"):
        kind = tool.text("type")
        if kind not in _CUSTOM:
            notes.bind_to(_words_for(kind, tool.text("name")))
            continue
        name = tool.needed_text("name")
        schema = tool.json_object("input_schema")
        tools.append(Tool(name, tool.text("description"), schema, tool.flag("strict"), read_cache(tool, notes)))
        tool.leave_rest_out(notes)
    return tuple(tools)


def _words_for(kind: str | None, name: str | None) -> str:
    """Return the words for a tool that the vendor defines, and mostly runs."""
    called = name or kind or ""
    plain = called.isascii() and called.replace("-", "_").isidentifier() and len(called) <= 64
    return f"the tool {called if plain else '(odd name)'}, which Anthropic itself runs"


def _read_choice(body: Block, notes: Notes) -> tuple[ToolChoice | None, bool | None]:
    choice = body.inner("tool_choice")
    if choice is None:
        return None, None
    mode = _CHOICES.get(choice.needed_text("type"))
    if mode is None:
        raise choice.refuse_choice("type", "auto, any, none or tool")
    names = (choice.needed_text("name", may_be_empty=True),) if mode is ToolChoiceMode.NAMED else ()
    alone = choice.flag("disable_parallel_tool_use")
    choice.leave_rest_out(notes)
    return ToolChoice(mode, names), None if alone is None else not alone


def _read_form(body: Block, notes: Notes) -> AnswerForm | None:
    """Return the form of the answer; `output_format` is what the beta of 2025-11 called `output_config.format`.

    Source: https://docs.anthropic.com/en/docs/build-with-claude/structured-outputs
    """
    config = body.inner("output_config")
    form = config.inner("format") if config is not None else None
    form = form or body.inner("output_format")
    body.pass_over("output_format")
    if form is None:
        return None
    if form.text("type") != "json_schema":
        raise form.refuse_choice("type", "json_schema")
    schema = form.json_object("schema")
    if schema is None:
        raise form.refuse_choice("schema", "a JSON schema")
    form.leave_rest_out(notes)
    return AnswerForm(schema, strict=True)


def _read_thinking(body: Block, notes: Notes) -> Thinking | None:
    """Return how much the model is to think; the effort is the more telling, where it is given.

    Sources: https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking, …/adaptive-thinking and …/effort
    """
    config = body.inner("output_config")
    effort = None
    if config is not None:
        effort = config.text("effort")
        if effort is not None and effort not in _EFFORTS:
            config.leave_out("effort", notes)
            effort = None
        config.pass_over("format")
        config.leave_rest_out(notes)
    if effort == "max":
        effort = "xhigh"  # the most that the neutral vocabulary has a word for
    asked = body.inner("thinking")
    if asked is None:
        return None if effort is None else Thinking(effort)
    display = asked.text("display")
    shown = None if display is None else display != "omitted"
    match asked.needed_text("type"):
        case "disabled":
            thinking = Thinking("none")
        case "enabled":
            thinking = Thinking(effort, asked.whole("budget_tokens"), shown=shown)
        case "adaptive":
            thinking = Thinking(effort, adaptive=True, shown=shown)
        case _:
            body.leave_out("thinking", notes)
            return None if effort is None else Thinking(effort)
    asked.leave_rest_out(notes)
    return thinking


def _read_user(body: Block, notes: Notes) -> str | None:
    metadata = body.inner("metadata")
    if metadata is None:
        return None
    user = metadata.text("user_id")
    metadata.leave_rest_out(notes)
    return user
