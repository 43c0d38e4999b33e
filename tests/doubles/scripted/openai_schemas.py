"""What OpenAI demands of tools and schemas, in chat and in responses alike."""

import re
from typing import Any

from doubles.scripted.fitness import Json
from doubles.scripted.turn import Unfit

NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


def refuse(message: str, param: str | None = None, code: str | None = None) -> Unfit:
    return Unfit(message, type="invalid_request_error", param=param, code=code)


def check_function(function: Any, path: str) -> str:
    """Return a tool's name. Source: https://platform.openai.com/docs/guides/function-calling."""
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise refuse(f"Missing required parameter: '{path}.name'.", f"{path}.name", "missing_required_parameter")
    name: str = function["name"]
    if not NAME.fullmatch(name):
        message = f"Invalid '{path}.name': string does not match pattern '^[a-zA-Z0-9_-]+$'."
        raise refuse(message, f"{path}.name", "invalid_value")
    parameters = function.get("parameters")
    if parameters is not None and (not isinstance(parameters, dict) or parameters.get("type", "object") != "object"):
        raise refuse(f"Invalid schema for function '{name}': schema must be an object.", f"{path}.parameters")
    if function.get("strict"):
        check_strict(parameters, f"function '{name}'", f"{path}.parameters")
    return name


def check_format(format_: Json, path: str) -> None:
    """Check the format of an answer, with the schema's members in one object with its name."""
    if not isinstance(format_.get("name"), str) or not NAME.fullmatch(format_["name"]):
        raise refuse(f"Missing required parameter: '{path}.name'.", f"{path}.name", "missing_required_parameter")
    if not isinstance(format_.get("schema"), dict):
        raise refuse(f"Missing required parameter: '{path}.schema'.", f"{path}.schema", "missing_required_parameter")
    if format_.get("strict"):
        check_strict(format_["schema"], f"response_format '{format_['name']}'", path)


def check_strict(schema: Any, owner: str, param: str, context: tuple[str, ...] = ()) -> None:
    """Source: https://platform.openai.com/docs/guides/structured-outputs#supported-schemas."""
    if isinstance(schema, list):
        for item in schema:
            check_strict(item, owner, param, context)
    if not isinstance(schema, dict):
        return
    begun = f"Invalid schema for {owner}: In context={context}, "
    properties = schema.get("properties")
    if schema.get("type") == "object" or isinstance(properties, dict):
        if schema.get("additionalProperties") is not False:
            message = begun + "'additionalProperties' is required to be supplied and to be false."
            raise refuse(message, param, "invalid_json_schema")
        if set(schema.get("required") or ()) != set(properties or ()):
            message = begun + "'required' is required to be supplied and to be an array including every key."
            raise refuse(message, param, "invalid_json_schema")
    for name, each in (properties or {}).items():
        check_strict(each, owner, param, (*context, "properties", name))
    for name in ("items", "anyOf"):
        check_strict(schema.get(name), owner, param, (*context, name))
