"""What a caller of the Responses API asks for beside its input: tools, the choice of them, the form, the reasoning."""

from fairlead_proxy.contract.names import DialectName
from fairlead_proxy.dialects.dialect import InvalidCall
from fairlead_proxy.dialects.given_json import Given
from fairlead_proxy.dialects.notes import Notes
from fairlead_proxy.exchange.conversation import (
    AnswerForm,
    Sampling,
    Thinking,
    Tool,
    ToolChoice,
    ToolChoiceMode,
)

OWN = DialectName.OPENAI_RESPONSES

_HOSTED_TOOLS = (
    "apply_patch", "code_interpreter", "computer", "file_search", "image_generation", "mcp", "shell", "web_search",
)  # fmt: skip
"""By the beginning of their type, which may go on with a date. Source: https://platform.openai.com/docs/guides/tools"""

_CHOICES = {"auto": ToolChoiceMode.AUTO, "none": ToolChoiceMode.NONE, "required": ToolChoiceMode.ANY}
_EFFORTS = frozenset({"none", "minimal", "low", "medium", "high", "xhigh"})
_READ_OF_TOOL = frozenset({"type", "name", "description", "parameters", "strict"})
LOGPROBS = "message.output_text.logprobs"
ENCRYPTED = "reasoning.encrypted_content"


def read_tools(request: Given, notes: Notes) -> tuple[Tool, ...]:
    """Source: https://platform.openai.com/docs/api-reference/responses/create, "tools"."""
    tools = []
    for tool in request.objects("tools"):
        type_ = tool.needed_text("type")
        if type_ != "function":
            notes.bind_to(_words_for_tool(type_))
            continue
        for name in tool.names():
            if name not in _READ_OF_TOOL:
                tool.leave_out(name, notes)
        tools.append(
            Tool(
                tool.needed_text("name"),
                tool.text("description"),
                tool.json_object("parameters"),
                tool.flag("strict"),
            )
        )
    return tuple(tools)


def read_tool_choice(request: Given, notes: Notes) -> ToolChoice | None:
    """Source: https://platform.openai.com/docs/api-reference/responses/create, "tool_choice"."""
    value = request.take("tool_choice")
    if value is None:
        return None
    if isinstance(value, str):
        if value not in _CHOICES:
            raise request.refuse_choice("tool_choice", f"one of {', '.join(_CHOICES)}")
        return ToolChoice(_CHOICES[value])
    choice = request.inner("tool_choice")
    if choice is None:
        return None
    type_ = choice.needed_text("type")
    if type_ == "function":
        return ToolChoice(ToolChoiceMode.NAMED, (choice.needed_text("name"),))
    if type_ != "allowed_tools":
        notes.bind_to(f"the tool choice {type_}")
        return None
    mode = choice.text("mode") or "auto"
    if mode not in ("auto", "required"):
        raise choice.refuse_choice("mode", "auto or required")
    names = []
    for allowed in choice.objects("tools"):
        allowed_type = allowed.needed_text("type")
        if allowed_type == "function":
            names.append(allowed.needed_text("name"))
        else:
            notes.bind_to(_words_for_tool(allowed_type))
    return ToolChoice(_CHOICES[mode], tuple(names))


def read_form(request: Given, notes: Notes) -> AnswerForm | None:
    """Source: https://platform.openai.com/docs/guides/structured-outputs"""
    text = request.inner("text")
    if text is None:
        return None
    for name in text.names():
        if name != "format":
            text.leave_out(name, notes)
    form = text.inner("format")
    if form is None:
        return None
    match form.needed_text("type"):
        case "text":
            return None
        case "json_object":
            return AnswerForm()
        case "json_schema":
            schema = form.json_object("schema")
            if schema is None:
                raise InvalidCall("'text.format.schema' is missing: give a JSON schema", "text.format.schema")
            return AnswerForm(schema, form.needed_text("name"), form.text("description"), form.flag("strict"))
        case other:
            notes.bind_to(f"an answer of the form {other}")
            return None


def read_thinking(request: Given, notes: Notes) -> Thinking | None:
    """Source: https://platform.openai.com/docs/guides/reasoning; `generate_summary` is the older name of `summary`.

    The vendor's `max` is told to others as the most that they have a word for.
    """
    reasoning = request.inner("reasoning")
    if reasoning is None:
        return None
    for name in reasoning.names():
        if name not in ("effort", "summary", "generate_summary"):
            reasoning.leave_out(name, notes)
    effort = reasoning.text("effort")
    if effort == "max":
        notes.leave_out("reasoning.effort max")
        effort = "xhigh"
    if effort is not None and effort not in _EFFORTS:
        raise reasoning.refuse_choice("effort", f"one of {', '.join((*sorted(_EFFORTS), 'max'))}")
    shown = bool(reasoning.text("summary") or reasoning.text("generate_summary")) or None
    return None if effort is None and shown is None else Thinking(effort, shown=shown)


def read_sampling(request: Given, notes: Notes) -> Sampling:
    """Log probabilities come by `include`; `top_logprobs` says how many alternatives."""
    wants_logprobs = False
    for value in request.texts("include"):
        if value == LOGPROBS:
            wants_logprobs = True
        elif value != ENCRYPTED:
            notes.leave_out(f"include {value}")
    alternatives = request.whole("top_logprobs", 0, 20)
    return Sampling(
        temperature=request.number("temperature"),
        top_p=request.number("top_p"),
        logprobs=alternatives or 0 if wants_logprobs or alternatives else None,
    )


def _words_for_tool(type_: str) -> str:
    if type_.startswith(_HOSTED_TOOLS):
        return f"the tool {type_}, which OpenAI itself runs"
    return "a custom tool, whose input is no JSON" if type_ == "custom" else f"a tool of the type {type_}"
