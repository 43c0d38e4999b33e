"""The rights that the commands take of a user, and that the operator's account must have; and what is missing."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fairlead_operator.cli.diagnosis import Finding, Level, Unread
from fairlead_operator.fleet import rbac
from fairlead_operator.resources.fleet_names import debug_token_name
from fairlead_operator.resources.meta import GROUP
from fairlead_operator.status.conditions import listed

SHOWN = 6


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One verb on one resource, which may be `pods/portforward`. `namespace` empty: in every one; `name`: on any."""

    group: str
    resource: str
    verb: str
    namespace: str = ""
    name: str = ""

    @property
    def text(self) -> str:
        named = f"/{self.name}" if self.name else ""
        return f"{self.verb} {self.resource}" + (f".{self.group}" if self.group else "") + named

    def attributes(self) -> dict[str, str]:
        """Return the right as an access review asks for it."""
        resource, _, subresource = self.resource.partition("/")
        asked = {"group": self.group, "resource": resource, "verb": self.verb}
        asked |= {"subresource": subresource} if subresource else {}
        asked |= {"namespace": self.namespace} if self.namespace else {}
        return asked | ({"name": self.name} if self.name else {})


@dataclass(frozen=True, slots=True)
class Question:
    """Rights that belong together. `level`: how bad it is that one is missing."""

    what: str
    rights: tuple[Right, ...]
    level: Level
    remedy: str


def user_questions(namespace: str | None, gateways: Iterable[tuple[str, str]]) -> Iterator[Question]:
    """Yield what a user needs in a namespace (None: in all) and, for `trace`, at each gateway: namespace and name."""
    scope = "every namespace" if namespace is None else f"namespace {namespace}"
    yield Question(
        f"your rights in {scope}",
        tuple(Right(GROUP, plural, "list", namespace or "") for plural in rbac.OURS),
        Level.FAIL,
        "have your platform bind the role view there; the chart adds our kinds to it",
    )
    for home, gateway in gateways:
        yield Question(
            f"your rights to trace at gateway {home}/{gateway}",
            (
                Right("", "secrets", "get", home, debug_token_name(gateway)),
                Right("", "pods", "list", home),
                Right("", "pods/portforward", "create", home),
                Right("", "pods/portforward", "get", home),
            ),
            Level.WARN,
            "without them fairlead trace is for those who run the gateway; they grant them",
        )


def operator_questions(operator_namespace: str, gateway_namespaces: Iterable[str]) -> Iterator[Question]:
    """Yield what the operator's account needs, from the facts that the chart's roles are compared with."""
    remedy = "install the chart again, with every gateway's namespace in gatewayNamespaces"
    yield Question("the operator's rights everywhere", _rights(rbac.CLUSTER_RULES, ""), Level.FAIL, remedy)
    own = _rights(rbac.OWN_NAMESPACE_RULES, operator_namespace)
    yield Question(f"the operator's rights in namespace {operator_namespace}", own, Level.FAIL, remedy)
    for each in gateway_namespaces:
        wanted = _rights(rbac.GATEWAY_RULES, each)
        yield Question(f"the operator's rights in namespace {each}", wanted, Level.FAIL, remedy)


def check_rights(question: Question, answers: Mapping[Right, bool | Unread]) -> Finding:
    """Return what is missing; unknown where one of the rights could not be asked for, and none is missing."""
    missing = [right.text for right in question.rights if answers[right] is False]
    if missing:
        return Finding(question.level, question.what, f"missing: {listed(missing, ', ', shown=SHOWN)}", question.remedy)
    unread = next((answer for right in question.rights if isinstance(answer := answers[right], Unread)), None)
    if unread is not None:
        return Finding.unread(question.what, unread)
    return Finding(Level.OK, question.what, _counted(len(question.rights)))


def _rights(rules: Sequence[Mapping[str, Any]], namespace: str) -> tuple[Right, ...]:
    return tuple(
        Right(group, resource, verb, namespace)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    )


def _counted(number: int) -> str:
    return f"all {number} are granted"
