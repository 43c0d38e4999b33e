"""What Amazon Bedrock's Converse API demands of a request, and what a request says.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
"""

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from doubles.scripted.bedrock_model import check, refuse
from doubles.scripted.fitness import Json, words
from doubles.scripted.seals import signs
from doubles.scripted.turn import Place, Question

DIALECT = "bedrock-converse"
MEDIA = {"image": "image", "document": "file", "video": "video", "audio": "audio"}


def read_converse(place: Place, asked: Json) -> Question:
    """Return what it says; raise Unfit."""
    request = asked
    if place.counts:
        request = _counted(asked)
    else:
        check({"modelId": place.model} | asked, "ConverseStreamRequest" if place.stream else "ConverseRequest")
    messages: list[Json] = request.get("messages") or []
    _check_turns(messages)
    for number, message in enumerate(messages):
        for index, block in enumerate(message["content"]):
            _check_block(block, f"messages.{number}.content.{index}")
    _check_calls(messages)
    tools = _tools(request, messages)
    _check_format(request.get("outputConfig"))
    blocks = [block for message in messages for block in message["content"]]
    said = [*(request.get("system") or ()), *blocks]
    fields = request.get("additionalModelRequestFields") or {}
    thinking = fields.get("thinking") or fields.get("reasoning_config") or {}
    last = messages[-1]["content"] if messages else []
    return Question(
        asked=asked,
        model=place.model,
        stream=bool(place.stream),
        prompt_tokens=sum(words(text) for block in said for text in _texts(block)),
        tools=tools,
        results=["".join(_texts(block)) for block in last if "toolResult" in block],
        calls_before=sum("toolUse" in block for block in blocks),
        media=[kind for block in blocks for kind in _media(block)],
        thinks=thinking.get("type") in ("enabled", "adaptive"),
    )


def _counted(asked: Json) -> Json:
    """Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_CountTokens.html."""
    if set(asked) != {"input"}:
        raise refuse(
            "1 validation error detected: Value at 'input' failed to satisfy constraint: Member must not be null"
        )
    check(asked["input"], "CountTokensInput")
    if "converse" not in asked["input"]:
        raise refuse("The scripted provider counts the tokens of Converse requests only: use input.converse")
    found: Json = asked["input"]["converse"]
    return found


def _check_turns(messages: list[Json]) -> None:
    if not messages or messages[0]["role"] != "user":
        told = "A conversation must start with a user message. Try again with a conversation that starts with a user"
        raise refuse(f"{told} message.")
    for before, message in pairwise(messages):
        if before["role"] == message["role"]:
            told = "A conversation must alternate between user and assistant roles. Make sure the conversation "
            raise refuse(told + "alternates between user and assistant roles and try again.")
    for number, message in enumerate(messages):
        if not message["content"]:
            raise refuse(f"The content field in the Message object at messages.{number} is empty.")


def _check_block(block: Json, path: str) -> None:
    if "text" in block and not block["text"].strip():
        raise refuse(f"The text field in the ContentBlock object at {path} is blank. Add text to the text field.")
    reasoning = (block.get("reasoningContent") or {}).get("reasoningText")
    if reasoning is not None and not signs(DIALECT, reasoning.get("signature"), reasoning["text"]):
        told = f"{path}.thinking.signature: Invalid `signature` in `thinking` block"
        raise refuse(f"The model returned the following errors: {told}")
    redacted = (block.get("reasoningContent") or {}).get("redactedContent")
    if redacted is not None and not signs(DIALECT, redacted, ""):
        raise refuse(f"The model returned the following errors: {path}: Invalid `data` in `redacted_thinking` block")
    if "toolUse" in block and not isinstance(block["toolUse"]["input"], dict):
        raise refuse(
            f"The format of the value at {path}.toolUse.input is invalid. Provide a json object for the field."
        )


def _check_calls(messages: list[Json]) -> None:
    """Source: https://docs.aws.amazon.com/bedrock/latest/userguide/tool-use-inference-call.html."""
    awaited: list[str] = []
    for number, message in enumerate(messages):
        role, content = message["role"], message["content"]
        results = [block["toolResult"]["toolUseId"] for block in content if "toolResult" in block]
        calls = [block["toolUse"]["toolUseId"] for block in content if "toolUse" in block]
        if (role == "user" and calls) or (role == "assistant" and results):
            raise refuse(f"toolUse blocks are the assistant's and toolResult blocks the user's: messages.{number}")
        if len(results) > len(awaited):
            told = f"The number of toolResult blocks at messages.{number}.content exceeds the number of toolUse blocks "
            raise refuse(told + "of previous turn.")
        missing = [call for call in awaited if call not in results]
        if missing:
            told = f"Expected toolResult blocks at messages.{number}.content for the following Ids: "
            raise refuse(told + ", ".join(missing))
        if len(set(calls)) < len(calls):
            raise refuse(f"The toolUse blocks at messages.{number}.content contain duplicate Ids.")
        awaited = calls
    if awaited:
        told = f"Expected toolResult blocks at messages.{len(messages)}.content for the following Ids: "
        raise refuse(told + ", ".join(awaited))


def _tools(request: Json, messages: list[Json]) -> list[str]:
    config = request.get("toolConfig")
    if config is None:
        if any("toolUse" in block or "toolResult" in block for message in messages for block in message["content"]):
            raise refuse("The toolConfig field must be defined when using toolUse and toolResult content blocks.")
        return []
    names = [tool["toolSpec"]["name"] for tool in config["tools"] if "toolSpec" in tool]
    if len(set(names)) < len(names):
        raise refuse("The toolConfig.tools field contains duplicate tool names.")
    for number, tool in enumerate(config["tools"]):
        schema = (tool.get("toolSpec") or {}).get("inputSchema", {}).get("json", {"type": "object"})
        if not isinstance(schema, dict) or schema.get("type") != "object":
            told = f"The value at toolConfig.tools.{number}.toolSpec.inputSchema.json.type must be one of the following"
            raise refuse(f"{told}: object.")
    chosen = (config.get("toolChoice") or {}).get("tool")
    if chosen is not None:
        if chosen["name"] not in names:
            raise refuse(f"The tool {chosen['name']} of toolConfig.toolChoice is not among toolConfig.tools.")
        return [chosen["name"]]
    return names


def _check_format(config: Any) -> None:
    """Source: https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html."""
    schema = ((((config or {}).get("textFormat") or {}).get("structure") or {}).get("jsonSchema") or {}).get("schema")
    if schema is None:
        return
    try:
        decoded = json.loads(schema)
    except ValueError:
        decoded = None
    if not isinstance(decoded, dict):
        raise refuse("outputConfig.textFormat.structure.jsonSchema.schema must be the text of a JSON schema.")


def _texts(block: Json) -> Iterator[str]:
    if "text" in block:
        yield str(block["text"])
    for part in (block.get("toolResult") or {}).get("content", ()):
        yield str(part["text"]) if "text" in part else json.dumps(part["json"]) if "json" in part else ""


def _media(block: Json) -> Iterator[str]:
    for each in [block, *(block.get("toolResult") or {}).get("content", ())]:
        yield from (kind for name, kind in MEDIA.items() if name in each)
