"""Amazon's own description of the Converse API, to which requests are held member by member.

botocore carries it, as every SDK of Amazon's does; it names members, types, patterns and lengths.
"""

import base64
import re
from functools import cache
from typing import Any

from botocore.loaders import Loader  # type: ignore[import-untyped]
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StringShape, StructureShape  # type: ignore[import-untyped]
from doubles.scripted.turn import Unfit

PATTERNS = {
    "ToolName": r"[a-zA-Z0-9_-]+",
    "ToolUseId": r"[a-zA-Z0-9_.:-]+",
    "DocumentBlockNameString": r"(?! )(?!.*  )[a-zA-Z0-9\s()\[\]-]+",
}
"""Held to besides: the document's name is described in words only.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_DocumentBlock.html
"""


def check(value: Any, shape_name: str) -> None:
    """Hold a value to a shape of the service; raise Unfit, a ValidationException."""
    _check(value, _service().shape_for(shape_name), "")


def refuse(message: str) -> Unfit:
    return Unfit(message, type="ValidationException")


@cache
def _service() -> ServiceModel:
    return ServiceModel(Loader().load_service_model("bedrock-runtime", "service-2"))


def _check(value: Any, shape: Shape, path: str) -> None:
    if isinstance(shape, StructureShape):
        if shape.is_document_type:
            return
        _check_structure(value, shape, path)
    elif isinstance(shape, ListShape):
        if not isinstance(value, list):
            raise _wrong(path, "a list")
        _check_size(len(value), shape, path)
        for number, item in enumerate(value):
            _check(item, shape.member, f"{path}.{number}")
    elif isinstance(shape, MapShape):
        if not isinstance(value, dict):
            raise _wrong(path, "an object")
        for name, each in value.items():
            _check(each, shape.value, f"{path}.{name}")
    else:
        _check_scalar(value, shape, path)


def _check_structure(value: Any, shape: StructureShape, path: str) -> None:
    if not isinstance(value, dict):
        raise _wrong(path, "an object")
    for name in value:
        if name not in shape.members:
            raise refuse(f"The model returned the following errors: {path}.{name}: Extra inputs are not permitted")
    for name in shape.required_members:
        if value.get(name) is None:
            raise refuse(_failed(f"{path}.{name}", "Member must not be null"))
    if shape.is_tagged_union and len(value) != 1:
        raise refuse(f"The union at {path} must have exactly one member, but has {sorted(value)}")
    for name, each in value.items():
        _check(each, shape.members[name], f"{path}.{name}".removeprefix("."))


def _check_scalar(value: Any, shape: Shape, path: str) -> None:
    types: dict[str, tuple[Any, ...]] = {
        "string": (str,),
        "blob": (str,),
        "boolean": (bool,),
        "integer": (int,),
        "long": (int,),
        "float": (int, float),
        "double": (int, float),
    }
    wanted = types.get(shape.type_name)
    if wanted is None:
        return
    if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
        raise _wrong(path, shape.type_name)
    if isinstance(shape, StringShape):
        if shape.enum and value not in shape.enum:
            raise refuse(_failed(path, f"Member must satisfy enum value set: {shape.enum}"))
        _check_size(len(value), shape, path)
        pattern = PATTERNS.get(shape.name)
        if pattern and not re.fullmatch(pattern, value):
            raise refuse(_failed(path, f"Member must satisfy regular expression pattern: {pattern}"))
    elif shape.type_name == "blob":
        try:
            base64.b64decode(value, validate=True)
        except ValueError:
            raise _wrong(path, "base64") from None
    else:
        _check_size(value, shape, path)


def _check_size(size: float, shape: Shape, path: str) -> None:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if (least is not None and size < least) or (most is not None and size > most):
        raise refuse(_failed(path, f"Member must have a size or a value from {least} to {most}"))


def _wrong(path: str, wanted: str) -> Unfit:
    return Unfit(f"{path.removeprefix('.')}: expected {wanted}", type="SerializationException")


def _failed(path: str, constraint: str) -> str:
    where = path.removeprefix(".")
    return f"1 validation error detected: Value at '{where}' failed to satisfy constraint: {constraint}"
