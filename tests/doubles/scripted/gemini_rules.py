"""What Gemini's generateContent demands of a request, and what a request says.

Source: https://ai.google.dev/api/generate-content, and for Vertex AI
https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference
"""

import re
from collections.abc import Iterator
from typing import Any

from doubles.scripted.fitness import Json, is_number, objects, words
from doubles.scripted.seals import call_subject, is_issued, signs
from doubles.scripted.shapes import Shape, closed, strangers
from doubles.scripted.turn import Place, Question, Unfit

DIALECT = "gemini"
SKIPPED = "skip_thought_signature_validator"
"""Source: https://ai.google.dev/gemini-api/docs/thought-signatures#faqs"""
TOOL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}")
INLINE = closed("mimeType", "data", "displayName")
BY_URI = closed("mimeType", "fileUri", "displayName")
RESULT_PART = closed(inlineData=INLINE, fileData=BY_URI)
PART = closed(
    "text", "thought", "thoughtSignature", "partMetadata", "mediaResolution", "videoMetadata", "executableCode",
    "codeExecutionResult",
    inlineData=INLINE,
    fileData=BY_URI,
    functionCall=closed("id", "name", "args", "partialArgs", "willContinue"),
    functionResponse=closed("id", "name", "response", "willContinue", "scheduling", parts=RESULT_PART),
)  # fmt: skip
DATA = (
    "text", "inlineData", "fileData", "functionCall", "functionResponse", "executableCode", "codeExecutionResult",
)  # fmt: skip
CONTENT = closed("role", parts=PART)
FUNCTION = closed(
    "name", "description", "behavior", "parameters", "parametersJsonSchema", "response", "responseJsonSchema"
)
CONFIG = closed(
    "audioTimestamp", "candidateCount", "enableAffectiveDialog", "enableEnhancedCivicAnswers", "frequencyPenalty",
    "logprobs", "maxOutputTokens", "mediaResolution", "modelSelectionConfig", "presencePenalty", "responseJsonSchema",
    "responseLogprobs", "responseMimeType", "responseModalities", "responseSchema", "routingConfig", "seed",
    "speechConfig", "stopSequences", "temperature", "topK", "topP", "imageConfig",
    thinkingConfig=closed("includeThoughts", "thinkingBudget", "thinkingLevel"),
)  # fmt: skip
MEMBERS: Shape = closed(
    "cachedContent", "labels", "model", "serviceTier",
    contents=CONTENT,
    systemInstruction=CONTENT,
    tools=closed(
        "googleSearch", "googleSearchRetrieval", "codeExecution", "urlContext", "googleMaps", "retrieval",
        "enterpriseWebSearch", "computerUse", "fileSearch", functionDeclarations=FUNCTION,
    ),
    toolConfig=closed("retrievalConfig", functionCallingConfig=closed("mode", "allowedFunctionNames")),
    safetySettings=closed("category", "threshold", "method"),
    generationConfig=CONFIG,
)  # fmt: skip
COUNTED = closed("contents", "generateContentRequest", "model", "instances", "systemInstruction", "tools",
                 "generationConfig")  # fmt: skip
FREE = frozenset(
    {"args", "response", "parameters", "parametersJsonSchema", "responseSchema", "responseJsonSchema", "labels"}
)
"""Members below which names are the caller's own."""
RANGES = {"temperature": (0, 2), "topP": (0, 1), "candidateCount": (1, 8), "maxOutputTokens": (1, 10**9)}


def read_generate(place: Place, asked: Json) -> Question:
    """Return what it says; raise Unfit."""
    request = _camel(asked)
    if place.counts:
        request = _counted(request)
    for path in strangers(request, MEMBERS):
        raise _refuse_name(path)
    contents = _contents(request, place)
    instruction = request.get("systemInstruction") or {}
    _check_calls(contents, place)
    tools = _tools(request)
    config = request.get("generationConfig") or {}
    _check_config(config)
    parts = [part for content in contents for part in content["parts"]]
    said = [*objects(instruction.get("parts"), "system_instruction.parts"), *parts]
    thinking = config.get("thinkingConfig") or {}
    return Question(
        asked=asked,
        model=place.model,
        stream=bool(place.stream),
        prompt_tokens=sum(words(part.get("text", "")) for part in said),
        tools=tools,
        results=[_result(part) for part in contents[-1]["parts"] if "functionResponse" in part],
        calls_before=sum("functionCall" in part for part in parts),
        media=[kind for part in parts for kind in _media(part)],
        thinks=bool(thinking.get("includeThoughts")),
        choices=config.get("candidateCount") or 1,
        sse=place.sse,
    )


def _refuse(message: str, **more: Any) -> Unfit:
    return Unfit(message, **more)


def _refuse_name(path: tuple[str | int, ...]) -> Unfit:
    """Say it as protobuf's reader of JSON does, which is strict."""
    where = ""
    for step in path[:-1]:
        where += f"[{step}]" if isinstance(step, int) else f".{_snake(step)}"
    at = f" at '{where.removeprefix('.')}'" if where else ""
    told = f'Invalid JSON payload received. Unknown name "{path[-1]}"{at}: Cannot find field.'
    violation = {"field": where.removeprefix("."), "description": told}
    kind = "type.googleapis.com/google.rpc.BadRequest"
    return _refuse(told, details=[{"@type": kind, "fieldViolations": [violation]}])


def _camel(value: Any) -> Any:
    """Return the same with every name in camel case: protobuf's JSON has two names for a member."""
    if isinstance(value, list):
        return [_camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    named = {re.sub(r"_([a-z])", lambda found: found[1].upper(), name): each for name, each in value.items()}
    return {name: each if name in FREE else _camel(each) for name, each in named.items()}


def _snake(name: str) -> str:
    return re.sub(r"([A-Z])", lambda found: "_" + found[1].lower(), name)


def _counted(request: Json) -> Json:
    """Return the request whose tokens are asked for. Source: https://ai.google.dev/api/tokens."""
    for path in strangers(request, COUNTED):
        raise _refuse_name(path)
    inner = request.get("generateContentRequest")
    if inner is not None and "contents" in request:
        raise _refuse("contents and generate_content_request are mutually exclusive")
    found: Json = request if inner is None else inner
    return found


def _contents(request: Json, place: Place) -> list[Json]:
    contents = objects(request.get("contents"), "contents")
    if not contents:
        raise _refuse("* GenerateContentRequest.contents: contents is not specified\n")
    for number, content in enumerate(contents):
        role = content.get("role")
        # The Gemini API takes a content without a role for the user's; Vertex AI does not.
        if role not in ("user", "model", "function", *(() if place.vendor == "Vertex AI" else (None,))):
            raise _refuse("Please use a valid role: user, model.")
        parts = objects(content.get("parts"), f"contents[{number}].parts")
        if not parts:
            raise _refuse(f"* GenerateContentRequest.contents[{number}].parts: contents.parts must not be empty.\n")
        for index, part in enumerate(parts):
            _check_part(part, role, f"contents[{number}].parts[{index}]")
    return contents


def _check_part(part: Json, role: Any, path: str) -> None:
    held = [name for name in DATA if name in part]
    if len(held) != 1 and not (not held and "thoughtSignature" in part):
        told = f"* GenerateContentRequest.{path}.data: required oneof field 'data' must have one initialized field\n"
        raise _refuse(told)
    if "text" in part and not isinstance(part["text"], str):
        raise _refuse(f"Invalid value at '{path}.text' (TYPE_STRING)")
    for name in ("inlineData", "fileData"):
        if name in part and not isinstance(part[name].get("mimeType"), str):
            raise _refuse(f"Unable to submit request because it has a mimeType parameter with an empty value: {path}")
    if "functionCall" in part and (role != "model" or not isinstance(part["functionCall"].get("args", {}), dict)):
        raise _refuse(f"Invalid value at '{path}.function_call'")
    if "functionResponse" in part and (
        role == "model" or not isinstance(part["functionResponse"].get("response"), dict)
    ):
        raise _refuse(
            f"Invalid value at '{path}.function_response.response' (type.googleapis.com/google.protobuf.Struct)"
        )
    for name in ("functionCall", "functionResponse"):
        if name in part and not TOOL_NAME.fullmatch(str(part[name].get("name"))):
            raise _refuse(f"* GenerateContentRequest.{path}.{_snake(name)}.name: Name cannot be empty.\n")
    _check_signature(part, path)


def _check_signature(part: Json, path: str) -> None:
    signature = part.get("thoughtSignature")
    if signature is None or signature == SKIPPED:
        return
    # Bytes in protobuf's JSON may be of either alphabet of base64: https://protobuf.dev/programming-guides/json
    signature = str(signature).replace("-", "+").replace("_", "/")
    call = part.get("functionCall")
    if call is not None and signs(DIALECT, signature, call_subject(call["name"], call.get("args", {}))):
        return
    if call is None and is_issued(DIALECT, signature):
        return
    raise _refuse(f"Thought signature is not valid: {path}")


def _check_calls(contents: list[Json], place: Place) -> None:
    """Source: https://ai.google.dev/gemini-api/docs/function-calling and .../thought-signatures."""
    awaited: list[str] = []
    for number, content in enumerate(contents):
        results = [part["functionResponse"]["name"] for part in content["parts"] if "functionResponse" in part]
        if len(results) != len(awaited):
            told = "Please ensure that the number of function response parts is equal to the number of function call "
            raise _refuse(told + "parts of the function call turn.")
        if sorted(results) != sorted(awaited):
            raise _refuse(f"Function responses {results} do not answer the function calls {awaited}.")
        calls = [part["functionCall"]["name"] for part in content["parts"] if "functionCall" in part]
        if calls and (number == 0 or contents[number - 1].get("role") == "model"):
            told = "Please ensure that function call turn comes immediately after a user turn or after a function "
            raise _refuse(told + "response turn.")
        awaited = calls
    if awaited:
        raise _refuse("Please ensure that function call turn is followed by a function response turn.")
    if re.search(r"gemini-[3-9]", place.model):
        _check_signed(contents)


def _check_signed(contents: list[Json]) -> None:
    """Of the current turn, the first call of each step must come back with its signature, from Gemini 3 on."""
    begun = max(
        (number for number, content in enumerate(contents) if content.get("role") != "model" and not _results(content)),
        default=0,
    )
    for number, content in enumerate(contents[begun:], start=begun):
        first = next((part for part in content["parts"] if "functionCall" in part), None)
        if first is not None and "thoughtSignature" not in first:
            told = "Function call is missing a thought_signature in functionCall parts. This is required for tools to "
            told += f"work correctly. Function call `{first['functionCall']['name']}`, position {number}."
            raise _refuse(told)


def _results(content: Json) -> bool:
    return any("functionResponse" in part for part in content["parts"])


def _tools(request: Json) -> list[str]:
    names = []
    for number, tool in enumerate(objects(request.get("tools"), "tools")):
        for index, function in enumerate(objects(tool.get("functionDeclarations"), "function_declarations")):
            path = f"GenerateContentRequest.tools[{number}].function_declarations[{index}]"
            if not TOOL_NAME.fullmatch(str(function.get("name", ""))):
                told = "Invalid function name. Must start with a letter or an underscore."
                raise _refuse(f"* {path}.name: {told}\n")
            if "parameters" in function and "parametersJsonSchema" in function:
                raise _refuse(f"* {path}: parameters and parameters_json_schema are mutually exclusive\n")
            names.append(function["name"])
    calling = (request.get("toolConfig") or {}).get("functionCallingConfig") or {}
    mode = calling.get("mode", "AUTO")
    if mode not in ("MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED"):
        raise _refuse(f"Invalid value at 'tool_config.function_calling_config.mode' ({mode})")
    allowed = calling.get("allowedFunctionNames")
    if allowed and mode not in ("ANY", "VALIDATED"):
        raise _refuse("Function calling mode must be ANY to use allowed_function_names.")
    if allowed and not set(allowed) <= set(names):
        raise _refuse("allowed_function_names must be a subset of the function declarations.")
    return [] if mode == "NONE" else [name for name in names if not allowed or name in allowed]


def _check_config(config: Json) -> None:
    for name, (least, most) in RANGES.items():
        value = config.get(name)
        if value is not None and not (is_number(value) and least <= value <= most):
            raise _refuse(f"* GenerateContentRequest.generation_config.{_snake(name)}: must be in [{least}, {most}]\n")
    schemas = [name for name in ("responseSchema", "responseJsonSchema") if config.get(name) is not None]
    if len(schemas) == 2:
        raise _refuse("Only one of response_schema and response_json_schema may be set.")
    if schemas and config.get("responseMimeType") not in ("application/json", "text/x.enum"):
        told = "Function calling with a response mime type: response schema needs response_mime_type application/json"
        raise _refuse(told)
    if len(config.get("stopSequences") or ()) > 5:
        raise _refuse("* GenerateContentRequest.generation_config.stop_sequences: at most 5 are allowed\n")
    if config.get("logprobs") is not None and not config.get("responseLogprobs"):
        raise _refuse("Logprobs requires response_logprobs to be true.")
    thinking = config.get("thinkingConfig") or {}
    if thinking.get("thinkingBudget") is not None and thinking.get("thinkingLevel") is not None:
        raise _refuse("You can only set one of thinking_budget and thinking_level.")
    level = str(thinking.get("thinkingLevel") or "low").lower()
    if level not in ("thinking_level_unspecified", "minimal", "low", "medium", "high"):
        raise _refuse(f"Invalid value at 'generation_config.thinking_config.thinking_level' ({level})")


def _result(part: Json) -> str:
    """Return the text of a tool's result, which stands in an object of the caller's making."""
    return " ".join(str(value) for value in part["functionResponse"]["response"].values())


def _media(part: Json) -> Iterator[str]:
    inner = (part.get("functionResponse") or {}).get("parts") or ()
    for each in [part, *inner]:
        for name, suffix in (("inlineData", ""), ("fileData", "-url")):
            if name in each:
                kind = str(each[name]["mimeType"]).partition("/")[0]
                yield (kind if kind in ("image", "audio", "video") else "file") + suffix
