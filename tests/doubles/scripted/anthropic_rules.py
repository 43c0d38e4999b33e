"""What Anthropic's Messages API demands of a request, and what a request says.

Source: https://docs.claude.com/en/api/messages, and for Vertex AI, where model and version stand elsewhere:
https://docs.claude.com/en/api/claude-on-vertex-ai
"""

import re
from collections.abc import Iterator
from typing import Any

from doubles.scripted.fitness import Json, is_number, objects, words
from doubles.scripted.seals import signs
from doubles.scripted.shapes import Shape, closed, dotted, strangers
from doubles.scripted.turn import Place, Question, Unfit

DIALECT = "anthropic-messages"
TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
VERTEX_VERSION = re.compile(r"(vertex-)?\d{4}-\d{2}-\d{2}")
"""`vertex-2023-10-16` is the documented one; Anthropic's own SDK for Vertex AI sends its API's date from 2.14 on."""
CACHE = closed("type", "ttl")
SOURCE = closed("type", "media_type", "data", "url", "file_id", "content")
TEXT = closed("type", "text", "citations", cache_control=CACHE)
IMAGE = closed("type", "transformations", source=SOURCE, cache_control=CACHE)
BLOCKS: dict[str, Shape] = {
    "text": TEXT,
    "image": IMAGE,
    "document": closed("type", "title", "context", "citations", source=SOURCE, cache_control=CACHE),
    "tool_use": closed("type", "id", "name", "input", "caller", cache_control=CACHE),
    "tool_result": closed("type", "tool_use_id", "content", "is_error", cache_control=CACHE),
    "thinking": closed("type", "thinking", "signature"),
    "redacted_thinking": closed("type", "data"),
    "search_result": closed("type", "source", "title", "content", "citations", cache_control=CACHE),
}
ALLOWED = {
    "user": ("text", "image", "document", "tool_result", "search_result"),
    "assistant": ("text", "tool_use", "thinking", "redacted_thinking"),
    "system": ("text",),
}
SAID = ("messages", "model", "system", "thinking", "tool_choice", "cache_control")
COUNTED = closed(
    *SAID,
    "tools",
    "context_management",
    "mcp_servers",
    "speed",
    output_config=closed("effort", "format", "task_budget"),
)
MEMBERS = closed(
    *SAID, "container", "context_management", "diagnostics", "inference_geo", "max_tokens", "mcp_servers",
    "service_tier", "speed", "stop_sequences", "stream", "temperature", "tools", "top_k", "top_p",
    metadata=closed("user_id"),
    output_config=closed("effort", "task_budget", format=closed("type", "schema")),
)  # fmt: skip
TOOL = closed(
    "type", "name", "description", "input_schema", "strict", "allowed_callers", "defer_loading",
    "eager_input_streaming", "input_examples", cache_control=CACHE,
)  # fmt: skip
THINKING = {
    "enabled": closed("type", "budget_tokens", "display"),
    "adaptive": closed("type", "display"),
    "disabled": closed("type"),
}
CHOICES = {
    "auto": closed("type", "disable_parallel_tool_use"),
    "any": closed("type", "disable_parallel_tool_use"),
    "tool": closed("type", "name", "disable_parallel_tool_use"),
    "none": closed("type"),
}
EFFORTS = ("low", "medium", "high", "xhigh", "max")
MOST_CACHE_MARKS = 4


def read_messages(place: Place, asked: Json) -> Question:
    """Return what it says; raise Unfit."""
    asked = _at_vertex(asked, place) if place.vendor == "Vertex AI" else asked
    for path in strangers(asked, COUNTED if place.counts else MEMBERS):
        raise _refuse(f"{dotted(path)}: Extra inputs are not permitted")
    if not isinstance(asked.get("model"), str) or not asked["model"]:
        raise _refuse("model: Field required")
    messages = _messages(asked)
    system = _blocks(asked.get("system") or "", "system", ("text",))
    tools = _tools(asked)
    if not place.counts:
        _check_members(asked)
    _check_thinking(asked, messages, place)
    marks = str(asked).count("'cache_control': {")
    if marks > MOST_CACHE_MARKS:
        raise _refuse(f"A maximum of {MOST_CACHE_MARKS} blocks with cache_control may be provided. Found {marks}.")
    blocks = [block for message in messages for block in message["content"]]
    return Question(
        asked=asked,
        model=asked["model"],
        stream=bool(asked.get("stream")) if place.stream is None else place.stream,
        prompt_tokens=sum(words(text) for block in [*system, *blocks] for text in _texts(block)),
        tools=tools,
        results=["".join(_texts(block)) for block in messages[-1]["content"] if block["type"] == "tool_result"],
        calls_before=sum(block["type"] == "tool_use" for block in blocks),
        media=[kind for block in blocks for kind in _media(block)],
        thinks=(asked.get("thinking") or {}).get("type") in ("enabled", "adaptive"),
    )


def _refuse(message: str) -> Unfit:
    return Unfit(message, type="invalid_request_error")


def _at_vertex(asked: Json, place: Place) -> Json:
    """Return the request as Anthropic itself would get it."""
    if not place.counts and not VERTEX_VERSION.fullmatch(str(asked.get("anthropic_version"))):
        raise _refuse("anthropic_version: Input should be 'vertex-2023-10-16'")
    if "model" in asked and not place.counts:
        raise _refuse("model: Extra inputs are not permitted")
    rest = {name: value for name, value in asked.items() if name not in ("anthropic_version", "anthropic_beta")}
    return {"model": place.model} | rest


def _messages(asked: Json) -> list[Json]:
    """Return the messages, with lists of blocks for texts, each held to its role and to the calls before it."""
    given = objects(asked.get("messages"), "messages", type="invalid_request_error")
    if not given:
        raise _refuse("messages: at least one message is required")
    messages: list[Json] = []
    for number, message in enumerate(given):
        path = f"messages.{number}"
        for stranger in strangers(message, closed("role", "content")):
            raise _refuse(f"{path}.{dotted(stranger)}: Extra inputs are not permitted")
        role = message.get("role")
        if role not in ALLOWED:
            raise _refuse(f"{path}.role: Input should be 'user' or 'assistant'")
        blocks = _blocks(message.get("content"), f"{path}.content", ALLOWED[role])
        if not blocks and not (role == "assistant" and number == len(given) - 1):
            told = "all messages must have non-empty content except for the optional final assistant message"
            raise _refuse(f"{path}: {told}")
        # Turns of the same role in a row are one turn.
        if messages and messages[-1]["role"] == role:
            messages[-1]["content"] = messages[-1]["content"] + blocks
        else:
            messages.append({"role": role, "content": blocks})
    if messages[0]["role"] == "assistant":
        raise _refuse('messages: first message must use the "user" role')
    _check_end(messages[-1])
    _check_calls(messages)
    return messages


def _blocks(content: Any, path: str, allowed: tuple[str, ...]) -> list[Json]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    for number, block in enumerate(objects(content, path, type="invalid_request_error")):
        where = f"{path}.{number}"
        kind = block.get("type")
        if kind not in allowed:
            tags = ", ".join(f"'{each}'" for each in allowed)
            raise _refuse(f"{where}: Input tag '{kind}' found using 'type' does not match any of: {tags}")
        for stranger in strangers(block, BLOCKS[kind]):
            raise _refuse(f"{where}.{kind}.{dotted(stranger)}: Extra inputs are not permitted")
        _check_block(block, kind, where)
    return content or []


def _check_block(block: Json, kind: str, where: str) -> None:
    needed: dict[str, tuple[tuple[str, type], ...]] = {
        "text": (("text", str),),
        "image": (("source", dict),),
        "document": (("source", dict),),
        "tool_use": (("id", str), ("name", str), ("input", dict)),
        "tool_result": (("tool_use_id", str),),
        "thinking": (("thinking", str), ("signature", str)),
        "redacted_thinking": (("data", str),),
    }
    for name, type_ in needed.get(kind, ()):
        if not isinstance(block.get(name), type_):
            raise _refuse(f"{where}.{kind}.{name}: Field required")
    if kind == "text" and not block["text"]:
        raise _refuse("messages: text content blocks must be non-empty")
    if kind == "text" and not block["text"].strip():
        raise _refuse("messages: text content blocks must contain non-whitespace text")
    if kind == "thinking" and not signs(DIALECT, block["signature"], block["thinking"]):
        raise _refuse(f"{where}: Invalid `signature` in `thinking` block")
    if kind == "redacted_thinking" and not signs(DIALECT, block["data"], ""):
        raise _refuse(f"{where}: Invalid `data` in `redacted_thinking` block")
    if kind == "tool_use" and not TOOL_NAME.fullmatch(block["name"]):
        raise _refuse(f"{where}.tool_use.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
    if kind == "tool_result" and block.get("content") is not None:
        _blocks(block["content"], f"{where}.tool_result.content", ("text", "image", "document", "search_result"))
    if kind in ("image", "document"):
        _check_source(block["source"], f"{where}.{kind}.source", kind)


def _check_source(source: Json, where: str, kind: str) -> None:
    needed = {"base64": ("media_type", "data"), "url": ("url",), "file": ("file_id",), "text": ("media_type", "data")}
    for name in needed.get(str(source.get("type")), ()):
        if not isinstance(source.get(name), str):
            raise _refuse(f"{where}.{source['type']}.{name}: Field required")
    if source.get("type") not in (*needed, "content"):
        raise _refuse(f"{where}: Input tag '{source.get('type')}' found using 'type' does not match")
    images = ("image/jpeg", "image/png", "image/gif", "image/webp")
    fitting = {("image", "base64"): images, ("document", "base64"): ("application/pdf",)}
    wanted = fitting.get((kind, str(source["type"])), ())
    if wanted and source["media_type"] not in wanted:
        raise _refuse(f"{where}.base64.media_type: Input should be {' or '.join(map(repr, wanted))}")


def _check_end(last: Json) -> None:
    texts = [block["text"] for block in last["content"] if block["type"] == "text"]
    if last["role"] == "assistant" and texts and texts[-1] != texts[-1].rstrip():
        raise _refuse("messages: final assistant content cannot end with trailing whitespace")


def _check_calls(messages: list[Json]) -> None:
    """Source: https://docs.claude.com/en/docs/agents-and-tools/tool-use/implement-tool-use#handling-results."""
    seen: set[str] = set()
    awaited: list[str] = []
    for number, message in enumerate(messages):
        results = [block["tool_use_id"] for block in message["content"] if block["type"] == "tool_result"]
        missing = [call for call in awaited if call not in results]
        if missing:
            told = "`tool_use` ids were found without `tool_result` blocks immediately after"
            raise _refuse(f"messages.{number - 1}: {told}: {', '.join(missing)}")
        for result in results:
            if result not in awaited or results.count(result) > 1:
                told = f"unexpected `tool_use_id` found in `tool_result` blocks: {result}. Each `tool_result` block"
                raise _refuse(f"messages.{number}.content: {told} must have a corresponding `tool_use` block")
        kinds = [block["type"] for block in message["content"]]
        if awaited and set(kinds[: len(results)]) != {"tool_result"}:
            told = "`tool_result` blocks must come first in the content of the message after `tool_use`"
            raise _refuse(f"messages.{number}: {told}")
        awaited = [block["id"] for block in message["content"] if block["type"] == "tool_use"]
        if seen.intersection(awaited) or len(set(awaited)) < len(awaited):
            raise _refuse(f"messages.{number}: `tool_use` ids must be unique")
        seen.update(awaited)
    if awaited:
        told = "`tool_use` ids were found without `tool_result` blocks immediately after"
        raise _refuse(f"messages.{len(messages) - 1}: {told}: {', '.join(awaited)}")


def _check_members(asked: Json) -> None:
    if not is_number(asked.get("max_tokens")):
        raise _refuse("max_tokens: Field required")
    if asked["max_tokens"] < 1:
        raise _refuse("max_tokens: Input should be greater than or equal to 1")
    for name in ("temperature", "top_p"):
        if asked.get(name) is not None and not (is_number(asked[name]) and 0 <= asked[name] <= 1):
            raise _refuse(f"{name}: range: 0..1")
    if not all(isinstance(each, str) and each.strip() for each in asked.get("stop_sequences") or ()):
        raise _refuse("stop_sequences: each stop sequence must contain non-whitespace")
    config = asked.get("output_config") or {}
    if config.get("effort") not in (None, *EFFORTS):
        raise _refuse(f"output_config.effort: Input should be {', '.join(map(repr, EFFORTS))}")
    format_ = config.get("format")
    if format_ is not None and (format_.get("type") != "json_schema" or not isinstance(format_.get("schema"), dict)):
        raise _refuse("output_config.format.schema: Field required")


def _check_thinking(asked: Json, messages: list[Json], place: Place) -> None:
    """Source: https://docs.claude.com/en/docs/build-with-claude/extended-thinking."""
    thinking = asked.get("thinking")
    if thinking is None:
        return
    kind = thinking.get("type") if isinstance(thinking, dict) else None
    if kind not in THINKING:
        raise _refuse("thinking: Input tag found using 'type' does not match any of: 'adaptive', 'disabled', 'enabled'")
    for stranger in strangers(thinking, THINKING[kind]):
        raise _refuse(f"thinking.{kind}.{dotted(stranger)}: Extra inputs are not permitted")
    if kind == "disabled":
        return
    if kind == "enabled":
        budget = thinking.get("budget_tokens")
        if not is_number(budget) or budget < 1024:
            raise _refuse("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
        if not place.counts and budget >= asked["max_tokens"]:
            raise _refuse("`max_tokens` must be greater than `thinking.budget_tokens`.")
    if asked.get("temperature") not in (None, 1) or asked.get("top_k") is not None:
        raise _refuse("`temperature` may only be set to 1, and `top_k` must be unset, when thinking is enabled.")
    if (asked.get("tool_choice") or {}).get("type") in ("any", "tool"):
        raise _refuse("Thinking may not be enabled when tool_choice forces tool use.")
    if kind == "enabled" and any(block["type"] == "tool_result" for block in messages[-1]["content"]):
        first = messages[-2]["content"][0]["type"]
        if first not in ("thinking", "redacted_thinking"):
            told = f"Expected `thinking` or `redacted_thinking`, but found `{first}`. When `thinking` is enabled, a "
            told += "final `assistant` message must start with a thinking block"
            raise _refuse(f"messages.{len(messages) - 2}.content.0.type: {told}")


def _tools(asked: Json) -> list[str]:
    names = []
    for number, tool in enumerate(objects(asked.get("tools"), "tools", type="invalid_request_error")):
        if tool.get("type", "custom") != "custom":
            continue
        for stranger in strangers(tool, TOOL):
            raise _refuse(f"tools.{number}.custom.{dotted(stranger)}: Extra inputs are not permitted")
        if not isinstance(tool.get("name"), str) or not TOOL_NAME.fullmatch(tool["name"]):
            raise _refuse(f"tools.{number}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
        schema = tool.get("input_schema")
        if not isinstance(schema, dict) or schema.get("type") != "object":
            raise _refuse(f"tools.{number}.custom.input_schema.type: Field required")
        names.append(tool["name"])
    if len(set(names)) < len(names):
        raise _refuse("tools: Tool names must be unique.")
    return _chosen(asked.get("tool_choice"), names, any_tools=bool(asked.get("tools")))


def _chosen(choice: Any, names: list[str], *, any_tools: bool) -> list[str]:
    if choice is None:
        return names
    kind = choice.get("type") if isinstance(choice, dict) else None
    if kind not in CHOICES:
        raise _refuse("tool_choice: Input tag found using 'type' does not match any of: 'any', 'auto', 'none', 'tool'")
    for stranger in strangers(choice, CHOICES[kind]):
        raise _refuse(f"tool_choice.{kind}.{dotted(stranger)}: Extra inputs are not permitted")
    if not any_tools:
        raise _refuse("tool_choice: tool_choice may only be specified while providing tools.")
    if kind == "tool":
        if choice.get("name") not in names:
            raise _refuse(f"tool_choice: Tool '{choice.get('name')}' not found in provided tools")
        return [choice["name"]]
    return [] if kind == "none" else names


def _texts(block: Json) -> Iterator[str]:
    content = block.get("content", block.get("text", ""))
    for part in content if isinstance(content, list) else [{"text": content}]:
        yield str(part.get("text", ""))


def _media(block: Json) -> Iterator[str]:
    kinds = {"image": "image", "document": "file"}
    inner = block.get("content")
    for each in [block, *(inner if isinstance(inner, list) else ())]:
        if each.get("type") in kinds:
            yield kinds[each["type"]] + ("-url" if each["source"]["type"] == "url" else "")
