"""Reading what a chat request says of tools: which there are, and which of them the model may or must call."""

from fairlead_proxy.dialects.dialect import InvalidCall
from fairlead_proxy.dialects.given_json import Given, short
from fairlead_proxy.dialects.openai.turns import read_cache
from fairlead_proxy.exchange.conversation import Tool, ToolChoice, ToolChoiceMode

_MODES = {"auto": ToolChoiceMode.AUTO, "none": ToolChoiceMode.NONE, "required": ToolChoiceMode.ANY}
_CHOICES = "auto, none, required or an object of type function or allowed_tools"


def read_tools(request: Given) -> tuple[tuple[Tool, ...], list[str]]:
    """Return the functions that the caller offers, in the old form too, and words for tools that are none.

    Raises InvalidCall. Source: https://platform.openai.com/docs/api-reference/chat/create, "tools", "functions".
    """
    tools: list[Tool] = []
    bound_to: list[str] = []
    for tool in request.objects("tools"):
        kind = tool.needed_text("type")
        if kind == "function":
            tools.append(_function(tool))
        elif kind == "custom":
            bound_to.append("a custom tool, whose input is no JSON")
        else:
            bound_to.append(f"the tool {short(kind)}, which the provider itself runs")
    tools += (_described(function) for function in request.objects("functions"))
    return tuple(tools), bound_to


def read_tool_choice(request: Given, tools: tuple[Tool, ...]) -> tuple[ToolChoice | None, list[str]]:
    """Return the choice, and words for one that cannot be said elsewhere; raise InvalidCall.

    Source: https://platform.openai.com/docs/api-reference/chat/create, "tool_choice", "function_call".
    """
    name = "tool_choice" if request.take("tool_choice") is not None else "function_call"
    choice = request.take(name)
    if choice is None:
        return None, []
    if isinstance(choice, str):
        if choice not in _MODES or (name == "function_call" and choice == "required"):
            raise request.refuse_choice(name, _CHOICES if name == "tool_choice" else "auto, none or an object")
        return ToolChoice(_MODES[choice]), []
    asked = request.inner(name)
    if asked is None:
        return None, []
    if name == "function_call":
        return ToolChoice(ToolChoiceMode.NAMED, (_offered(asked, tools),)), []
    match asked.text("type"):
        case "function":
            return ToolChoice(ToolChoiceMode.NAMED, (_named(asked, tools),)), []
        case "allowed_tools":
            return _allowed(asked, tools)
        case "custom":
            return None, ["a custom tool, whose input is no JSON"]
        case _:
            raise asked.refuse_choice("type", "function or allowed_tools")


def _function(tool: Given) -> Tool:
    function = tool.inner("function")
    if function is None:
        raise tool.refuse_choice("function", "an object with a 'name'")
    return _described(function, tool)


def _described(function: Given, around: Given | None = None) -> Tool:
    return Tool(
        function.needed_text("name"),
        function.text("description"),
        function.json_object("parameters"),
        function.flag("strict"),
        read_cache(around) if around is not None else None,
    )


def _allowed(asked: Given, tools: tuple[Tool, ...]) -> tuple[ToolChoice, list[str]]:
    allowed = asked.inner("allowed_tools")
    if allowed is None:
        raise asked.refuse_choice("allowed_tools", "an object with 'mode' and 'tools'")
    mode = allowed.text("mode")
    if mode not in ("auto", "required"):
        raise allowed.refuse_choice("mode", "auto or required")
    listed = allowed.objects("tools")
    if not listed:
        raise allowed.refuse_choice("tools", "a list of at least one tool")
    if any(tool.text("type") != "function" for tool in listed):
        return ToolChoice(_MODES[mode]), ["allowed_tools that are not functions"]
    return ToolChoice(_MODES[mode], tuple(_named(tool, tools) for tool in listed)), []


def _named(asked: Given, tools: tuple[Tool, ...]) -> str:
    function = asked.inner("function")
    if function is None:
        raise asked.refuse_choice("function", "an object with a 'name'")
    return _offered(function, tools)


def _offered(function: Given, tools: tuple[Tool, ...]) -> str:
    """Return the name; one that no tool bears would be every provider's to refuse."""
    name = function.needed_text("name")
    if all(tool.name != name for tool in tools):
        place = function.path_of("name")
        raise InvalidCall(f"'{place}' is {short(name)!r}, which none of the tools is called: name one of them", place)
    return name
