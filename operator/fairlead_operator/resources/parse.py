"""From an object as the API server or a file has it to what it says, or to what is wrong with it."""

import json
import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from fairlead_operator.resources.found import Found
from fairlead_operator.resources.meta import API_VERSION, GROUP, NAME_PATTERN, Kind, ObjectRef
from fairlead_operator.resources.problems import CHOICE_ERRORS, MAX_PROBLEMS, mistyped, problem_of
from fairlead_operator.resources.rules import broken_rules
from fairlead_operator.resources.schema import (
    GATEWAY_NAME_MESSAGE,
    GATEWAY_NAME_PATTERN,
    KINDS,
    NAME_MESSAGE,
    resolved_schema,
)

NOT_JSON = "spec: cannot be written as JSON; write texts in UTF-8, numbers, lists and objects only"
_FIELDS = ("apiVersion", "kind", "metadata", "spec", "status")


class UnknownKind(Exception):
    """An object that is not one of ours, or of a version that we do not know."""


def parse_resource(content: Mapping[str, Any]) -> Found[Any]:
    """Return what an object says; raise UnknownKind where it is none of ours, and nothing else.

    A file may lack uid, generation, resourceVersion and creationTimestamp: they are "", 1, "" and "" then; a
    namespace that is not given is `default`. No problem line shows a value where a key could have been pasted.
    """
    kind = kind_of(content)
    metadata = content.get("metadata")
    problems = _problems_around(kind, content)
    facts: Mapping[str, Any] = metadata if isinstance(metadata, dict) else {}
    spec, wrong, unsupported = _spec_of(kind, content.get("spec"))
    unsupported = unsupported and not problems
    problems += wrong
    if len(problems) > MAX_PROBLEMS:
        problems = [*problems[:MAX_PROBLEMS], f"{len(problems) - MAX_PROBLEMS} more problems are not listed"]
    status = content.get("status")
    generation = facts.get("generation")
    return Found(
        ref=ObjectRef(kind, _text(facts, "namespace") or "default", _text(facts, "name")),
        uid=_text(facts, "uid"),
        generation=generation if isinstance(generation, int) else 1,
        resource_version=_text(facts, "resourceVersion"),
        created=_text(facts, "creationTimestamp"),
        spec=None if problems else spec,
        problems=tuple(problems),
        unsupported=unsupported,
        status=status if isinstance(status, dict) else {},
    )


def kind_of(content: Mapping[str, Any]) -> Kind:
    """Return the kind of an object of ours; raise UnknownKind, whose text says what is known."""
    api_version, name = content.get("apiVersion"), content.get("kind")
    if api_version == API_VERSION and name in Kind.__members__.values():
        return Kind(str(name))
    if str(api_version).partition("/")[0] == GROUP:
        known = ", ".join(kind.value for kind in Kind)
        raise UnknownKind(f"there is no {name} in {api_version}; known in {API_VERSION}: {known}")
    raise UnknownKind(f"{api_version} {name} is not a kind of {GROUP}")


def _spec_of(kind: Kind, given: object) -> tuple[Any, list[str], bool]:
    """Return the spec, what is wrong with it, and whether that is only values that this version does not know."""
    if given is None:
        return None, ["spec: is missing; write it"], False
    if not isinstance(given, dict):
        return None, [f"spec: {mistyped(given, 'object')}"], False
    model = KINDS[kind].spec
    try:
        spec = model.model_validate_json(json.dumps(given), strict=True)
    except ValidationError as error:
        schema = resolved_schema(model)
        wrong = [each for each in error.errors(include_url=False) if each["type"] != "default_factory_not_called"]
        if wrong[0]["type"] == "json_invalid":
            return None, [NOT_JSON], False
        unsupported = all(each["type"] in CHOICE_ERRORS for each in wrong)
        return None, [problem_of(each, schema) for each in wrong], unsupported
    except (ValueError, TypeError, RecursionError):
        return None, [NOT_JSON], False
    return spec, list(broken_rules(spec, "spec")), False


def _problems_around(kind: Kind, content: Mapping[str, Any]) -> list[str]:
    """Return what is wrong outside spec. Labels, annotations and the like are for the API server to judge."""
    problems = [
        f"{name}: there is no such field; the fields here are {', '.join(_FIELDS)}"
        for name in content
        if name not in _FIELDS
    ]
    metadata = content.get("metadata")
    if not isinstance(metadata, dict):
        return [*problems, "metadata: is missing; write a name and a namespace"]
    for field in ("name", "namespace"):
        value = metadata.get(field)
        if value is not None and not isinstance(value, str):
            problems.append(f"metadata.{field}: {mistyped(value, 'string')}")
    name = metadata.get("name")
    if name is None or name == "":
        problems.append("metadata.name: is missing; write the name of the object")
    elif isinstance(name, str):
        if len(name) > 63 or not re.fullmatch(NAME_PATTERN, name):
            problems.append(f"metadata.name: {NAME_MESSAGE}")
        elif kind is Kind.MODEL_GATEWAY and not re.fullmatch(GATEWAY_NAME_PATTERN, name):
            problems.append(f"metadata.name: {GATEWAY_NAME_MESSAGE}")
    return problems


def _text(facts: Mapping[str, Any], name: str) -> str:
    value = facts.get(name)
    return value if isinstance(value, str) else ""
