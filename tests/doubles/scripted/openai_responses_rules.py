"""What OpenAI's Responses API demands of a request, and what a request says.

Source: https://platform.openai.com/docs/api-reference/responses/create
"""

from collections.abc import Iterator
from typing import Any

from doubles.scripted.fitness import Json, is_number, objects, words
from doubles.scripted.openai_schemas import EFFORTS, check_format, check_function, refuse
from doubles.scripted.seals import is_issued
from doubles.scripted.shapes import Shape, bracketed, closed, strangers
from doubles.scripted.turn import Place, Question

DIALECT = "openai-responses"
FORMAT = closed("type", "name", "schema", "strict", "description")
COUNTED = (
    "conversation", "input", "instructions", "model", "parallel_tool_calls", "personality", "previous_response_id",
    "reasoning", "text", "tool_choice", "tools", "truncation",
)  # fmt: skip
MEMBERS = closed(
    *COUNTED, "access_programs", "background", "background_options", "context_management", "image", "include",
    "max_output_tokens", "max_tool_calls", "metadata", "moderation", "prompt", "prompt_cache_key",
    "prompt_cache_options", "prompt_cache_retention", "safety_identifier", "service_tier", "store", "stream",
    "temperature", "top_logprobs", "top_p", "user",
    reasoning=closed("effort", "summary", "generate_summary", "context", "mode"),
    text=closed("verbosity", format=FORMAT),
    stream_options=closed("include_obfuscation"),
)  # fmt: skip
CONTENT = closed(
    "type", "text", "refusal", "annotations", "logprobs", "image_url", "detail", "file_id", "file_data", "file_url",
    "filename", "prompt_cache_breakpoint", "input_audio",
)  # fmt: skip
ITEMS: dict[str, Shape] = {
    "message": closed("type", "id", "role", "status", "phase", content=CONTENT),
    "function_call": closed("type", "id", "call_id", "name", "arguments", "status", "namespace", "caller", "async"),
    "function_call_output": closed("type", "id", "call_id", "status", "name", "namespace", "caller", output=CONTENT),
    "reasoning": closed(
        "type", "id", "encrypted_content", "status", summary=closed("type", "text"), content=closed("type", "text")
    ),
    "item_reference": closed("type", "id"),
}
"""The items that are checked; others pass as they are."""
INPUT_PARTS = ("input_text", "input_image", "input_file", "input_audio")
OUTPUT_PARTS = ("output_text", "refusal")
RANGES = {"temperature": (0, 2), "top_p": (0, 1), "max_output_tokens": (16, 10**9), "top_logprobs": (0, 20)}
MEDIA = {"input_image": "image", "input_file": "file", "input_audio": "audio"}


def read_responses(place: Place, asked: Json) -> Question:
    """Return what it says; raise Unfit."""
    for path in strangers(asked, closed(*COUNTED) if place.counts else MEMBERS):
        raise refuse(f"Unknown parameter: '{bracketed(path)}'.", bracketed(path), "unknown_parameter")
    model = asked.get("model")
    if (not isinstance(model, str) or not model) and not place.counts:
        raise refuse("Missing required parameter: 'model'.", "model", "missing_required_parameter")
    items = _items(asked)
    for number, item in enumerate(items):
        _check_item(item, f"input[{number}]")
    _check_calls(items)
    _check_members(asked, items)
    tools = _tools(asked)
    reasoning = asked.get("reasoning") or {}
    return Question(
        asked=asked,
        model=str(model),
        stream=bool(asked.get("stream")),
        prompt_tokens=words(asked.get("instructions") or "") + sum(words(text) for text in _texts(items)),
        tools=tools,
        results=list(_last_results(items)),
        calls_before=sum(item["type"] == "function_call" for item in items),
        media=[kind for item in items for kind in _media(item)],
        thinks=bool(reasoning) and reasoning.get("effort") not in ("none",),
    )


def _items(asked: Json) -> list[Json]:
    given = asked.get("input")
    if isinstance(given, str):
        given = [{"type": "message", "role": "user", "content": given}]
    # A message need not say that it is one.
    items = [
        ({"type": "message"} | item) if "role" in item else item
        for item in objects(given, "input", type="invalid_request_error", param="input")
    ]
    if not items and not any(asked.get(name) for name in ("previous_response_id", "prompt", "conversation")):
        told = "One of \"input\" or \"previous_response_id\" or 'prompt' or 'conversation' must be provided."
        raise refuse(f"Missing required parameter: '{told}'", "input", "missing_required_parameter")
    return items


def _check_item(item: Json, path: str) -> None:
    kind = item.get("type")
    if not isinstance(kind, str):
        raise refuse(f"Missing required parameter: '{path}.type'.", f"{path}.type", "missing_required_parameter")
    for stranger in strangers(item, ITEMS.get(kind)):
        where = bracketed((path, *stranger)) if isinstance(stranger[0], int) else f"{path}.{bracketed(stranger)}"
        raise refuse(f"Unknown parameter: '{where}'.", where, "unknown_parameter")
    if kind == "message":
        _check_message(item, path)
    elif kind == "reasoning":
        _check_reasoning(item, path)
    elif kind in ("function_call", "function_call_output"):
        needed = ("call_id", "name", "arguments") if kind == "function_call" else ("call_id",)
        for name in needed:
            if not isinstance(item.get(name), str):
                raise refuse(f"Missing required parameter: '{path}.{name}'.", path, "missing_required_parameter")
        if kind == "function_call_output":
            _check_content(item.get("output"), INPUT_PARTS, f"{path}.output")


def _check_message(item: Json, path: str) -> None:
    role = item.get("role")
    if role not in ("user", "assistant", "system", "developer"):
        raise refuse(f"Invalid value: '{role}'.", f"{path}.role", "invalid_value")
    _check_content(item.get("content"), OUTPUT_PARTS if role == "assistant" else INPUT_PARTS, f"{path}.content")


def _check_content(content: Any, allowed: tuple[str, ...], path: str) -> None:
    if isinstance(content, str):
        return
    if not isinstance(content, list):
        raise refuse(f"Invalid type for '{path}': expected an array or a string.", path, "invalid_type")
    for number, part in enumerate(objects(content, path, type="invalid_request_error")):
        kind = part.get("type")
        if kind not in allowed:
            supported = ", ".join(f"'{each}'" for each in allowed)
            told = f"Invalid value: '{kind}'. Supported values are: {supported}."
            raise refuse(told, f"{path}[{number}]", "invalid_value")
        if kind in ("input_text", "output_text") and not isinstance(part.get("text"), str):
            raise refuse(f"Missing required parameter: '{path}[{number}].text'.", path, "missing_required_parameter")
        if kind == "input_image" and not (isinstance(part.get("image_url"), str) or part.get("file_id")):
            raise refuse(f"Invalid '{path}[{number}].image_url'.", path, "invalid_value")


def _check_reasoning(item: Json, path: str) -> None:
    if not isinstance(item.get("summary"), list):
        raise refuse(f"Missing required parameter: '{path}.summary'.", path, "missing_required_parameter")
    sealed = item.get("encrypted_content")
    if sealed is not None and not is_issued(DIALECT, sealed):
        told = f"The encrypted content for item {item.get('id')} could not be verified."
        raise refuse(told, None, "invalid_encrypted_content")
    if sealed is None and not str(item.get("id")).startswith("rs_scripted_"):
        told = f"Item with id '{item.get('id')}' not found. Items are not persisted when `store` is set to false."
        raise refuse(told, "input")


def _check_calls(items: list[Json]) -> None:
    called = [item["call_id"] for item in items if item["type"] == "function_call"]
    answered = [item["call_id"] for item in items if item["type"] == "function_call_output"]
    for number, item in enumerate(items):
        if item["type"] == "function_call_output":
            before = [each["call_id"] for each in items[:number] if each["type"] == "function_call"]
            if item["call_id"] not in before:
                told = f"No tool call found for function call output with call_id {item['call_id']}."
                raise refuse(told, "input")
    for call in called:
        if call not in answered:
            raise refuse(f"No tool output found for function call {call}.", "input")


def _check_members(asked: Json, items: list[Json]) -> None:
    for name, (least, most) in RANGES.items():
        value = asked.get(name)
        if value is not None and not (is_number(value) and least <= value <= most):
            told = f"Invalid '{name}': expected a value between {least} and {most}, but got {value!r} instead."
            raise refuse(told, name, "integer_below_min_value" if is_number(value) else "invalid_type")
    effort = (asked.get("reasoning") or {}).get("effort")
    if effort not in (None, *EFFORTS):
        raise refuse(f"Invalid value: '{effort}'.", "reasoning.effort", "invalid_value")
    format_ = (asked.get("text") or {}).get("format")
    if format_ is None:
        return
    if format_.get("type") == "json_schema":
        check_format(format_, "text.format")
    elif format_.get("type") == "json_object":
        if not any("json" in text.lower() for text in (str(asked.get("instructions")), *_texts(items))):
            told = "Response input messages must contain the word 'json' in some form to use 'text.format' of type"
            raise refuse(f"{told} 'json_object'.", "input")
    elif format_.get("type") != "text":
        raise refuse(f"Invalid value: '{format_.get('type')}'.", "text.format.type", "invalid_value")


def _tools(asked: Json) -> list[str]:
    names = []
    for number, tool in enumerate(objects(asked.get("tools"), "tools", type="invalid_request_error")):
        if not isinstance(tool.get("type"), str):
            raise refuse(f"Missing required parameter: 'tools[{number}].type'.", f"tools[{number}].type")
        if tool["type"] == "function":
            names.append(check_function(tool, f"tools[{number}]"))
    choice = asked.get("tool_choice")
    if isinstance(choice, dict) and choice.get("type") == "function":
        if choice.get("name") not in names:
            raise refuse(f"Tool choice '{choice.get('name')}' not found in 'tools' parameter.", "tool_choice")
        return [choice["name"]]
    if isinstance(choice, str) and choice not in ("none", "auto", "required"):
        raise refuse(f"Invalid value: '{choice}'.", "tool_choice", "invalid_value")
    if choice == "required" and not asked.get("tools"):
        raise refuse("Tool choice 'required' must be specified with 'tools' parameter.", "tool_choice")
    return [] if choice == "none" else names


def _parts(content: Any) -> list[Json]:
    return content if isinstance(content, list) else [{"text": content}]


def _texts(items: list[Json]) -> Iterator[str]:
    for item in items:
        for name in ("content", "output"):
            yield from (str(part.get("text", "")) for part in _parts(item.get(name, "")))


def _last_results(items: list[Json]) -> Iterator[str]:
    last = len(items)
    while last and items[last - 1]["type"] == "function_call_output":
        last -= 1
    for item in items[last:]:
        yield "".join(str(part.get("text", "")) for part in _parts(item["output"]))


def _media(item: Json) -> Iterator[str]:
    for part in _parts(item.get("content", item.get("output", ""))):
        if part.get("type") in MEDIA:
            by_url = part.get("file_url") or str(part.get("image_url")).startswith("http")
            yield MEDIA[part["type"]] + ("-url" if by_url else "")
