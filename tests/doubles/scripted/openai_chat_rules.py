"""What OpenAI's chat API demands of a request, and what a request says.

Source: https://platform.openai.com/docs/api-reference/chat/create
"""

from collections.abc import Iterator
from typing import Any

from doubles.scripted.fitness import Json, is_number, objects, words
from doubles.scripted.openai_schemas import EFFORTS, check_format, check_function, refuse
from doubles.scripted.shapes import bracketed, closed, strangers
from doubles.scripted.turn import Place, Question

CALL = closed("id", "type", "index", "custom", function=closed("name", "arguments"))
CONTENT = closed(
    "type",
    "text",
    "refusal",
    "prompt_cache_breakpoint",
    image_url=closed("url", "detail"),
    input_audio=closed("data", "format"),
    file=closed("file_id", "filename", "file_data"),
)
ROLES = {
    "system": closed("role", "name", content=CONTENT),
    "developer": closed("role", "name", content=CONTENT),
    "user": closed("role", "name", content=CONTENT),
    # What a vendor puts into its answers it takes back: applications append them to the conversation as they are.
    "assistant": closed(
        "role",
        "name",
        "refusal",
        "audio",
        "function_call",
        "annotations",
        "reasoning_content",
        content=CONTENT,
        tool_calls=CALL,
    ),
    "tool": closed("role", "tool_call_id", content=CONTENT),
    "function": closed("role", "name", "content"),
}
PARTS = {
    "user": ("text", "image_url", "input_audio", "file"),
    "assistant": ("text", "refusal"),
}
"""The parts of content that a role may have; the others have text."""
MEMBERS = closed(
    "audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs", "max_completion_tokens",
    "max_tokens", "messages", "metadata", "modalities", "model", "moderation", "n", "parallel_tool_calls", "prediction",
    "presence_penalty", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "reasoning_effort",
    "response_format", "safety_identifier", "seed", "service_tier", "stop", "store", "stream", "temperature",
    "tool_choice", "top_logprobs", "top_p", "user", "verbosity", "web_search_options",
    stream_options=closed("include_usage", "include_obfuscation"),
    tools=closed("type", "custom", function=closed("name", "description", "parameters", "strict")),
)  # fmt: skip
RANGES = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "presence_penalty": (-2, 2),
    "frequency_penalty": (-2, 2),
    "n": (1, 128),
    "top_logprobs": (0, 20),
    "max_tokens": (1, 10**9),
    "max_completion_tokens": (1, 10**9),
}


def read_chat(place: Place, asked: Json) -> Question:
    """Return what it says; raise Unfit."""
    for path in strangers(asked, MEMBERS):
        raise refuse(f"Unrecognized request argument supplied: {bracketed(path)}", bracketed(path))
    model = asked.get("model") or place.model
    if not isinstance(model, str) or not model:
        raise refuse("you must provide a model parameter")
    messages = objects(asked.get("messages"), "messages", type="invalid_request_error", param="messages")
    if not messages:
        raise refuse("Missing required parameter: 'messages'.", "messages", "missing_required_parameter")
    for number, message in enumerate(messages):
        _check_message(message, f"messages[{number}]")
    _check_calls(messages)
    _check_members(asked)
    _check_format(asked.get("response_format"), messages)
    tools = _tools(asked)
    return Question(
        asked=asked,
        model=model,
        stream=bool(asked.get("stream")),
        prompt_tokens=sum(words(message.get("content", "")) for message in messages),
        tools=tools,
        results=list(_last_results(messages)),
        calls_before=sum(len(message.get("tool_calls") or ()) for message in messages),
        media=[kind for message in messages for kind in _media(message)],
        thinks=asked.get("reasoning_effort") not in (None, "none"),
        choices=asked.get("n") or 1,
    )


def _check_message(message: Json, path: str) -> None:
    role = message.get("role")
    if role not in ROLES:
        raise refuse(f"Invalid value: '{role}'. Supported values are: {', '.join(ROLES)}.", f"{path}.role")
    for stranger in strangers(message, ROLES[role]):
        where = bracketed(stranger)
        raise refuse(f"Additional properties are not allowed ('{where}' was unexpected) - '{path}'", f"{path}.{where}")
    content = message.get("content")
    speechless = role == "assistant" and any(message.get(name) for name in ("tool_calls", "function_call", "refusal"))
    if content is None and not speechless:
        raise refuse(f"Invalid value for 'content': expected a string, got null. - '{path}'", f"{path}.content")
    if content is not None and not isinstance(content, str | list):
        raise refuse(f"Invalid type for '{path}.content': expected a string or an array.", f"{path}.content")
    if isinstance(content, list):
        _check_content(content, PARTS.get(str(role), ("text",)), path)


def _check_content(content: list[Any], allowed: tuple[str, ...], path: str) -> None:
    for number, part in enumerate(objects(content, path, type="invalid_request_error")):
        where = f"{path}.content[{number}]"
        kind = part.get("type")
        if kind not in allowed:
            message = f"Invalid value: '{kind}'. Supported values are: {', '.join(allowed)}."
            raise refuse(message, where, "invalid_value")
        if part.get(kind) is None:
            raise refuse(f"Missing required parameter: '{where}.{kind}'.", where, "missing_required_parameter")
        if kind == "image_url" and not str(part[kind].get("url")).startswith(("http://", "https://", "data:image/")):
            raise refuse(f"Invalid '{where}.image_url.url'.", f"{where}.image_url.url", "invalid_image_url")


def _check_calls(messages: list[Json]) -> None:
    """Hold every tool message to a call that stands before it, and every call to its answer."""
    awaited: set[str] = set()
    for number, message in enumerate(messages):
        if message["role"] == "tool":
            if message.get("tool_call_id") not in awaited:
                told = "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
                raise refuse(f"Invalid parameter: {told}", f"messages.[{number}].role")
            awaited.discard(message["tool_call_id"])
            continue
        _refuse_unanswered(awaited, number)
        for call in objects(message.get("tool_calls"), "tool_calls", type="invalid_request_error"):
            function = call.get("function")
            if call.get("type") == "function" and not (
                isinstance(call.get("id"), str)
                and isinstance(function, dict)
                and isinstance(function.get("name"), str)
                and isinstance(function.get("arguments"), str)
            ):
                raise refuse(f"Invalid 'messages[{number}].tool_calls'", f"messages[{number}].tool_calls")
            awaited.add(call["id"])
    _refuse_unanswered(awaited, len(messages))


def _refuse_unanswered(awaited: set[str], number: int) -> None:
    if awaited:
        told = "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
        told += f"'tool_call_id'. The following tool_call_ids did not have response messages: {', '.join(awaited)}"
        raise refuse(told, f"messages.[{number - 1}].role")


def _check_members(asked: Json) -> None:
    for name, (least, most) in RANGES.items():
        value = asked.get(name)
        if value is not None and not (is_number(value) and least <= value <= most):
            message = f"Invalid '{name}': expected a value between {least} and {most}, but got {value!r} instead."
            raise refuse(message, name, "invalid_value")
    if asked.get("stream_options") is not None and not asked.get("stream"):
        told = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise refuse(told, "stream_options")
    if asked.get("top_logprobs") is not None and not asked.get("logprobs"):
        raise refuse("'top_logprobs' is only allowed when 'logprobs' is enabled.", "top_logprobs")
    if asked.get("max_tokens") is not None and asked.get("max_completion_tokens") is not None:
        raise refuse("Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.")
    if isinstance(asked.get("stop"), list) and len(asked["stop"]) > 4:
        raise refuse("Invalid 'stop': array too long. Expected an array with maximum length 4.", "stop")
    if asked.get("reasoning_effort") not in (None, *EFFORTS):
        raise refuse(f"Invalid value: '{asked['reasoning_effort']}'.", "reasoning_effort", "invalid_value")


def _check_format(format_: Any, messages: list[Json]) -> None:
    if format_ is None:
        return
    kind = format_.get("type") if isinstance(format_, dict) else None
    if kind == "json_schema":
        inner = format_.get("json_schema")
        check_format(inner if isinstance(inner, dict) else {}, "response_format.json_schema")
    elif kind == "json_object":
        if not any("json" in str(message.get("content")).lower() for message in messages):
            told = "'messages' must contain the word 'json' in some form, to use 'response_format' of type"
            raise refuse(f"{told} 'json_object'.", "messages")
    elif kind != "text":
        raise refuse(f"Invalid value: '{kind}'.", "response_format.type", "invalid_value")


def _tools(asked: Json) -> list[str]:
    names = []
    for number, tool in enumerate(objects(asked.get("tools"), "tools", type="invalid_request_error")):
        if tool.get("type") == "function":
            names.append(check_function(tool.get("function"), f"tools[{number}].function"))
        elif tool.get("type") != "custom":
            raise refuse(f"Invalid value: '{tool.get('type')}'.", f"tools[{number}].type", "invalid_value")
    if not asked.get("tools"):
        if asked.get("tools") is not None:
            raise refuse("Invalid 'tools': empty array. Expected an array with minimum length 1.", "tools")
        for name in ("tool_choice", "parallel_tool_calls"):
            if asked.get(name) is not None and not asked.get("functions"):
                raise refuse(f"'{name}' is only allowed when 'tools' are specified.", name)
    choice = asked.get("tool_choice")
    if isinstance(choice, dict) and choice.get("type") == "function":
        named = (choice.get("function") or {}).get("name")
        if named not in names:
            raise refuse(f"Tool choice '{named}' not found in 'tools' parameter.", "tool_choice")
        return [named]
    if isinstance(choice, str) and choice not in ("none", "auto", "required"):
        raise refuse(f"Invalid value: '{choice}'.", "tool_choice", "invalid_value")
    return [] if choice == "none" else names


def _last_results(messages: list[Json]) -> Iterator[str]:
    last = len(messages)
    while last and messages[last - 1]["role"] == "tool":
        last -= 1
    for message in messages[last:]:
        content = message["content"]
        parts = content if isinstance(content, list) else [{"text": content}]
        yield "".join(str(part.get("text", "")) for part in parts)


def _media(message: Json) -> Iterator[str]:
    content = message.get("content")
    for part in content if isinstance(content, list) else ():
        if part["type"] == "image_url":
            yield "image" if str(part["image_url"]["url"]).startswith("data:") else "image-url"
        elif part["type"] in ("input_audio", "file"):
            yield {"input_audio": "audio", "file": "file"}[part["type"]]
