"""Every field of our kinds by which an object refers to another one, to a Secret or ConfigMap, or to namespaces."""

from collections.abc import Iterator
from typing import Any, get_args

from pydantic.fields import FieldInfo

from fairlead_operator.resources.gateway import ModelGatewaySpec
from fairlead_operator.resources.meta import LabelSelector, NamespacesSelector, ObjectReference, Resource
from fairlead_operator.resources.policy import RoutePolicySpec
from fairlead_operator.resources.provider import AuthorityReference, ModelProviderSpec, SecretKeyReference

SPECS: dict[str, type[Resource]] = {
    "ModelGateway": ModelGatewaySpec,
    "ModelProvider": ModelProviderSpec,
    "RoutePolicy": RoutePolicySpec,
}
KNOWN_TYPES = (ObjectReference, SecretKeyReference, AuthorityReference, NamespacesSelector, LabelSelector)
TELLING_ENDS = ("ref", "refs", "reference", "references", "selector", "namespace", "namespaces")
TELLING_WORDS = ("secret", "configmap", "serviceaccount")


def reference_fields(kind: str, model: type[Resource], path: str = "spec") -> Iterator[str]:
    """Yield the path of each reference, as in `ModelProvider.spec.credentials[].secretRef`."""
    for field in model.model_fields.values():
        name = str(field.alias)
        types = list(_types(field.annotation))
        below = [each for each in types if issubclass(each, Resource)]
        place = f"{path}.{name}{'[]' if list in types else ''}"
        if _refers(field, types):
            yield f"{kind}.{place}"
        else:
            for each in below:
                yield from reference_fields(kind, each, place)


def _refers(field: FieldInfo, types: list[type]) -> bool:
    """By its type, by how types and fields of that sort are named, or by what it says it is."""
    name = str(field.alias).lower()
    if any(issubclass(each, KNOWN_TYPES) or each.__name__.endswith(("Reference", "Selector")) for each in types):
        return True
    if name.endswith(TELLING_ENDS) or any(word in name for word in TELLING_WORDS):
        return True
    told = (field.description or "").startswith(("The Secret", "The ConfigMap", "The ServiceAccount"))
    return told or ("Name of the Secret" in (field.description or "") and str in types)


def _types(annotation: Any) -> Iterator[type]:
    """Yield every class in an annotation, and `list` where there is one."""
    origin = getattr(annotation, "__origin__", None)
    if isinstance(origin, type):
        yield origin
    if isinstance(annotation, type) and not get_args(annotation):
        yield annotation
    for argument in get_args(annotation):
        yield from _types(argument)
