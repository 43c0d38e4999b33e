"""What a caller of the Responses API asks for beside its input: tools, the choice of them, the form, the reasoning."""

from fairlead_proxy.contract.names import DialectName
from fairlead_proxy.dialects.dialect import InvalidCall
from fairlead_proxy.dialects.responses.json_values import Members, wrong_type
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


_LONGEST_REMARK = 120
"""A remark may quote a caller's own words, which may be of any length."""


class Remarks:
    """What is found on the way that the neutral vocabulary has no word for; see Conversation."""

    __slots__ = ("_bound_to", "_left_out")

    def __init__(self) -> None:
        self._left_out: dict[str, None] = {}
        self._bound_to: dict[str, None] = {}

    def leave_out(self, path: str) -> None:
        self._left_out[path[:_LONGEST_REMARK]] = None

    def bind_to(self, what: str) -> None:
        self._bound_to[what[:_LONGEST_REMARK]] = None

    @property
    def left_out(self) -> tuple[str, ...]:
        return tuple(self._left_out)

    @property
    def bound_to(self) -> tuple[str, ...]:
        return tuple(self._bound_to)


def read_tools(request: Members, remarks: Remarks) -> tuple[Tool, ...]:
    """Source: https://platform.openai.com/docs/api-reference/responses/create, "tools"."""
    tools = []
    for path, value in request.items("tools"):
        tool = Members(value, path)
        type_ = tool.needed_text("type")
        if type_ != "function":
            remarks.bind_to(_words_for_tool(type_))
            continue
        for name in tool.given():
            if name not in _READ_OF_TOOL:
                remarks.leave_out(f"tools.{name}")
        tools.append(
            Tool(
                tool.needed_text("name"),
                tool.text("description"),
                tool.json_object("parameters"),
                tool.flag("strict"),
            )
        )
    return tuple(tools)


def read_tool_choice(request: Members, remarks: Remarks) -> ToolChoice | None:
    """Source: https://platform.openai.com/docs/api-reference/responses/create, "tool_choice"."""
    value = request.value("tool_choice")
    if value is None:
        return None
    if isinstance(value, str):
        if value not in _CHOICES:
            raise _unknown("tool_choice", value, _CHOICES)
        return ToolChoice(_CHOICES[value])
    if not isinstance(value, dict):
        raise wrong_type("tool_choice", "a string or an object", value)
    choice = Members(value, "tool_choice")
    type_ = choice.needed_text("type")
    if type_ == "function":
        return ToolChoice(ToolChoiceMode.NAMED, (choice.needed_text("name"),))
    if type_ != "allowed_tools":
        remarks.bind_to(f"the tool choice {type_}")
        return None
    mode = choice.text("mode") or "auto"
    if mode not in ("auto", "required"):
        raise _unknown("tool_choice.mode", mode, ("auto", "required"))
    names = []
    for path, item in choice.items("tools"):
        allowed = Members(item, path)
        allowed_type = allowed.needed_text("type")
        if allowed_type == "function":
            names.append(allowed.needed_text("name"))
        else:
            remarks.bind_to(_words_for_tool(allowed_type))
    return ToolChoice(_CHOICES[mode], tuple(names))


def read_form(request: Members, remarks: Remarks) -> AnswerForm | None:
    """Source: https://platform.openai.com/docs/guides/structured-outputs"""
    text = request.members("text")
    if text is None:
        return None
    for name in text.given():
        if name != "format":
            remarks.leave_out(f"text.{name}")
    form = text.members("format")
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
            remarks.bind_to(f"an answer of the form {other}")
            return None


def read_thinking(request: Members, remarks: Remarks) -> Thinking | None:
    """Source: https://platform.openai.com/docs/guides/reasoning; `generate_summary` is the older name of `summary`.

    The vendor's `max` is told to others as the most that they have a word for.
    """
    reasoning = request.members("reasoning")
    if reasoning is None:
        return None
    for name in reasoning.given():
        if name not in ("effort", "summary", "generate_summary"):
            remarks.leave_out(f"reasoning.{name}")
    effort = reasoning.text("effort")
    if effort == "max":
        remarks.leave_out("reasoning.effort max")
        effort = "xhigh"
    if effort is not None and effort not in _EFFORTS:
        raise _unknown("reasoning.effort", effort, [*sorted(_EFFORTS), "max"])
    shown = bool(reasoning.text("summary") or reasoning.text("generate_summary")) or None
    return None if effort is None and shown is None else Thinking(effort, shown=shown)


def read_sampling(request: Members, remarks: Remarks) -> Sampling:
    """Log probabilities come by `include`; `top_logprobs` says how many alternatives."""
    wants_logprobs = False
    for path, value in request.items("include"):
        if not isinstance(value, str):
            raise wrong_type(path, "a string", value)
        if value == LOGPROBS:
            wants_logprobs = True
        elif value != ENCRYPTED:
            remarks.leave_out(f"include {value}")
    alternatives = request.whole("top_logprobs")
    if alternatives is not None and not 0 <= alternatives <= 20:
        raise InvalidCall(f"'top_logprobs' is {alternatives}: give a number from 0 to 20", "top_logprobs")
    return Sampling(
        temperature=request.number("temperature"),
        top_p=request.number("top_p"),
        logprobs=alternatives or 0 if wants_logprobs or alternatives else None,
    )


def _words_for_tool(type_: str) -> str:
    if type_.startswith(_HOSTED_TOOLS):
        return f"the tool {type_}, which OpenAI itself runs"
    return "a custom tool, whose input is no JSON" if type_ == "custom" else f"a tool of the type {type_}"


def _unknown(path: str, value: str, known: object) -> InvalidCall:
    names = ", ".join(str(name) for name in known) if isinstance(known, list | tuple | dict) else ""
    return InvalidCall(f"'{path}' is {value!r}: give one of {names}", path)
