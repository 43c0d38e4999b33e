"""What each reference field of our kinds is held to: consent of another namespace, or never to leave its own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import trustme
from doubles.compiled import read_inventory

from fairlead_operator.compiler.compile import Compilation, compile_inventory
from fairlead_operator.compiler.last_good import LastGood
from fairlead_operator.resources.meta import Kind, ObjectRef
from fairlead_operator.verdict import Reason
from fairlead_proxy.contract.keys import encode_keys

OWNER = "owner"
LABELS = {OWNER: "{}", "friend": "{tier: gold}", "other": "{tier: silver}", "stranger": "{}"}
NAMESPACES = tuple(LABELS)
FORMS: dict[str, tuple[str, frozenset[str]]] = {
    "none": ("{}", frozenset()),
    "by name": ("{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: friend}}}", frozenset({"friend"})),
    "by names": (
        "{namespaceSelector: {matchExpressions: "
        "[{key: kubernetes.io/metadata.name, operator: In, values: [friend, other]}]}}",
        frozenset({"friend", "other"}),
    ),
    "by label": ("{namespaceSelector: {matchLabels: {tier: gold}}}", frozenset({"friend"})),
    "by two demands": (
        "{namespaceSelector: {matchLabels: {tier: gold}, matchExpressions: "
        "[{key: kubernetes.io/metadata.name, operator: NotIn, values: [friend]}]}}",
        frozenset(),
    ),
    "by exclusion": (
        "{namespaceSelector: {matchExpressions: "
        "[{key: kubernetes.io/metadata.name, operator: NotIn, values: [stranger, owner]}]}}",
        frozenset({"friend", "other"}),
    ),
    "all": ("{namespaceSelector: {}}", frozenset({"friend", "other", "stranger"})),
}
"""How an owner consents, and to which namespaces beside its own."""

HEAD = "---\napiVersion: fairlead.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}, namespace: {namespace}}}\n"
UPSTREAM_KEY = "canary-upstream-key-0123456789"

ITSELF = ("",)
OBJECT = (".name", ".namespace")
SECRET_KEY = (".name", ".key")
LABELLED = (".matchLabels{}", ".matchExpressions[].key", ".matchExpressions[].operator", ".matchExpressions[].values[]")
"""What stands below the path of a reference: see schema_walk.py."""


@dataclass(frozen=True)
class Consented:
    """A reference that may leave its namespace. `build(consent, namespace, name)`: the objects where one in
    `namespace` refers to `name` in OWNER, which consents so. `kind` refers, `missing` is its reason otherwise."""

    build: Callable[[str, str, str], str]
    kind: Kind
    missing: Reason
    referred: str
    parts: tuple[str, ...] = OBJECT

    def ref(self, namespace: str) -> ObjectRef:
        return ObjectRef(self.kind, namespace, "subject")

    def served(self, compilation: Compilation, namespace: str) -> bool:
        """Say whether the owner's fleet has anything of the object that refers: its fragment or a key of it."""
        fleet = compilation.gateways[f"{OWNER}/main"]
        keyed = any(key.startswith(f"{namespace}/subject/") for key in fleet.keys.credentials)
        return keyed or f"{self.kind}/{namespace}/subject" in {fragment.key for fragment in fleet.fragments}


@dataclass(frozen=True)
class OwnNamespace:
    """A reference to a Secret, which never leaves its namespace. `refers`: the object, in OWNER; `field`: how it names
    the Secret there. `carried`: that fleets are given what stands in the Secret."""

    kind: Kind
    spec: str
    field: str
    secret: Mapping[str, str]
    carried: bool = True
    parts: tuple[str, ...] = SECRET_KEY

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef(self.kind, OWNER, "main" if self.kind is Kind.MODEL_GATEWAY else "subject")

    def build(self, secret_in: str | None, *, field: str = "") -> str:
        """Return the objects, with the Secret in this namespace, or nowhere."""
        told = _object(self.kind, self.ref.name, OWNER, self.spec.replace("FIELD", field or self.field))
        gateway = "" if self.kind is Kind.MODEL_GATEWAY else _gateway("{}")
        secret = "" if secret_in is None else _secret("wanted", secret_in, self.secret)
        return told + gateway + secret + _namespaces()

    def shows(self, compilation: Compilation) -> bool:
        """Say whether anything of the Secret stands in what fleets are given."""
        given = b"".join(
            encode_keys(fleet.keys) + b"".join(fragment.body for fragment in fleet.fragments)
            for fleet in compilation.gateways.values()
        )
        return any(
            line.encode() in given for value in self.secret.values() for line in value.splitlines()[1:2] or [value]
        )


def compiled(text: str, last_good: LastGood | None = None) -> Compilation:
    return compile_inventory(read_inventory(text), last_good)


def _object(kind: str, name: str, namespace: str, spec: str) -> str:
    return HEAD.format(kind=kind, name=name, namespace=namespace) + f"spec: {spec}\n"


def _gateway(tenants: str) -> str:
    return _object("ModelGateway", "main", OWNER, f"{{auth: {{apiKeys: {{}}}}, tenants: {tenants}}}")


def _secret(name: str, namespace: str, data: Mapping[str, str]) -> str:
    entries = "".join(f"  {key}: {value!r}\n" for key, value in data.items()).replace("\\n", "\n\n    ")
    return (
        f"---\napiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: {namespace}}}\nstringData:\n{entries}"
    )


def _namespaces() -> str:
    return "".join(
        f"---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, labels: {labels}}}\n"
        for name, labels in LABELS.items()
    )


def _policy(namespace: str, gateway: str, provider: str) -> str:
    spec = (
        f"{{gatewayRef: {{name: {gateway}, namespace: owner}}, models: [smart], rules: "
        f"[{{name: r, route: {{targets: [{{provider: {provider}, model: m}}]}}}}]}}"
    )
    return _object("RoutePolicy", "subject", namespace, spec)


def _provider_consents(consent: str, namespace: str, name: str) -> str:
    provider = _object("ModelProvider", "p", OWNER, f"{{type: Simulated, models: [{{name: m}}], consumers: {consent}}}")
    policy = _policy(namespace, "main", f"{{name: {name}, namespace: owner}}")
    return _gateway("{namespaceSelector: {}}") + provider + policy + _namespaces()


def _gateway_admits_policies(consent: str, namespace: str, name: str) -> str:
    provider = _object("ModelProvider", "p", namespace, "{type: Simulated, models: [{name: m}]}")
    return _gateway(consent) + provider + _policy(namespace, name, "{name: p}") + _namespaces()


def _gateway_admits_providers(consent: str, namespace: str, name: str) -> str:
    spec = (
        "{type: OpenAI, models: [{name: m}], credentials: [{name: a, secretRef: {name: keys, key: k}}], "
        f"gatewayRefs: [{{name: {name}, namespace: owner}}]}}"
    )
    keys = _secret("keys", namespace, {"k": UPSTREAM_KEY})
    return _gateway(consent) + _object("ModelProvider", "subject", namespace, spec) + keys + _namespaces()


def _certificate() -> dict[str, str]:
    issued = trustme.CA().issue_cert("gateway.example")
    chain = b"".join(part.bytes() for part in issued.cert_chain_pems)
    return {"tls.crt": chain.decode(), "tls.key": issued.private_key_pem.bytes().decode()}


CONSENTED: dict[str, Consented] = {
    "RoutePolicy.spec.rules[].route.targets[].provider": Consented(
        _provider_consents, Kind.ROUTE_POLICY, Reason.PROVIDER_NOT_FOUND, "p"
    ),
    "RoutePolicy.spec.gatewayRef": Consented(
        _gateway_admits_policies, Kind.ROUTE_POLICY, Reason.GATEWAY_NOT_FOUND, "main"
    ),
    "ModelProvider.spec.gatewayRefs[]": Consented(
        _gateway_admits_providers, Kind.MODEL_PROVIDER, Reason.GATEWAY_NOT_FOUND, "main"
    ),
}
OWN_NAMESPACE: dict[str, OwnNamespace] = {
    "ModelProvider.spec.credentials[].secretRef": OwnNamespace(
        Kind.MODEL_PROVIDER,
        "{type: OpenAI, models: [{name: m}], credentials: [{name: a, secretRef: FIELD}]}",
        "{name: wanted, key: k}",
        MappingProxyType({"k": UPSTREAM_KEY}),
    ),
    "ModelProvider.spec.endpoint.caRef": OwnNamespace(
        Kind.MODEL_PROVIDER,
        "{type: OpenAICompatible, endpoint: {url: 'https://models.example/v1', caRef: FIELD}, models: [{name: m}]}",
        "{name: wanted, key: ca.crt}",
        MappingProxyType({"ca.crt": trustme.CA().cert_pem.bytes().decode()}),
    ),
    "ModelGateway.spec.listeners[].tls.secretName": OwnNamespace(
        Kind.MODEL_GATEWAY,
        "{listeners: [{name: https, port: 8443, tls: FIELD}]}",
        "{secretName: wanted}",
        MappingProxyType(_certificate()),
        parts=ITSELF,
    ),
    "ModelGateway.spec.ledger.postgres.secretRef": OwnNamespace(
        Kind.MODEL_GATEWAY,
        "{ledger: {postgres: {secretRef: FIELD}}}",
        "{name: wanted, key: dsn}",
        MappingProxyType({"dsn": "postgres://canary:canary-password@db.example/ledger"}),
        carried=False,
    ),
}
