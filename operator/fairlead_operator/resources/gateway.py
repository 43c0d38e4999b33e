"""ModelGateway: a fleet of proxies, as the platform team writes it."""

from typing import Annotated, Any

from pydantic import Field

from fairlead_operator.resources.checks import BY_NAME, SET
from fairlead_operator.resources.fields import CIDR_PATTERN, NETWORK, within
from fairlead_operator.resources.ledger import LedgerSpec
from fairlead_operator.resources.meta import Duration, LabelSelector, Name, NamespacesSelector, Resource
from fairlead_operator.resources.policy import ResilienceSpec
from fairlead_operator.resources.provider import SECRET_NAME_PATTERN
from fairlead_operator.resources.telemetry import TelemetrySpec

ADMIN_PORT = 9090
"""Where every proxy serves health, metrics and reports; no listener may take it."""

HOST_PATTERN = r"^(\*\.)?[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
Host = Annotated[str, Field(min_length=1, max_length=253, pattern=HOST_PATTERN)]


def _as_min(given: dict[str, Any]) -> int:
    return int(given["min"])


class ReplicasSpec(Resource):
    """How many proxies run."""

    min: Annotated[int, Field(description="At least so many.", ge=1, le=100)] = 2
    max: Annotated[int, Field(description="At most so many; omitted: as `min`.", ge=1, le=100)] = Field(
        default_factory=_as_min
    )
    target_in_flight: Annotated[
        int, Field(description="Calls in flight that one proxy shall carry; more of them add proxies.", ge=1, le=10_000)
    ] = 80


class DrainSpec(Resource):
    """How a proxy ends."""

    timeout: Annotated[
        Duration, within("0s", "24h"), Field(description="How long running calls may go on after SIGTERM.")
    ] = "10m"


class ProxySpec(Resource):
    """The proxies of the fleet."""

    replicas: Annotated[ReplicasSpec, Field(description="How many proxies run.")] = ReplicasSpec()
    drain: Annotated[DrainSpec, Field(description="How a proxy ends.")] = DrainSpec()


class ListenerTlsSpec(Resource):
    """What a listener shows over TLS."""

    secret_name: Annotated[
        str,
        Field(
            description="The Secret of this namespace, of type kubernetes.io/tls, whose tls.crt and tls.key the "
            "listener shows. A renewed one is shown to whoever connects from then on: nothing restarts, and no "
            "connection is cut.",
            min_length=1,
            max_length=253,
            pattern=SECRET_NAME_PATTERN,
        ),
    ]


class ListenerSpec(Resource):
    """A port for applications."""

    name: Annotated[Name, Field(description="Name of the listener, unique in this gateway.")]
    port: Annotated[int, Field(description="TCP port.", ge=1, le=65535)]
    tls: Annotated[ListenerTlsSpec | None, Field(description="HTTP over TLS. Omitted: plain HTTP.")] = None


class ApiKeysSpec(Resource):
    """Callers prove who they are by a key that stands in a labelled Secret."""

    selector: Annotated[
        LabelSelector,
        Field(description='Labels of the Secrets that hold keys; fairlead.dev/key: "true" is always demanded.'),
    ] = LabelSelector()


class AuthSpec(Resource):
    """How callers prove who they are; with no method every call is answered 401."""

    api_keys: Annotated[ApiKeysSpec | None, Field(description="API keys in labelled Secrets.")] = None


class AllowedCidr(Resource):
    """A private range that providers of some namespaces may reach."""

    cidr: Annotated[
        str,
        Field(description="For example 10.20.0.0/16 or fd00::/8.", max_length=49, pattern=CIDR_PATTERN),
        NETWORK,
    ]
    namespaces: Annotated[
        list[Name],
        Field(description="Namespaces of the providers that may reach it.", min_length=1, max_length=64),
        SET,
    ]


class EgressSpec(Resource):
    """Where upstream connections may go. Metadata addresses are never reached."""

    allow_hosts: Annotated[
        Annotated[list[Host], SET] | None,
        Field(description="Hosts, or *.domain for all below it; omitted: any public host.", max_length=128),
    ] = None
    allow_cidrs: Annotated[
        list[AllowedCidr],
        Field(alias="allowCIDRs", description="Private ranges that may be reached, and for whom.", max_length=64),
    ] = []
    deny_private_ranges: Annotated[
        bool, Field(description="False admits loopback and private ranges for every provider.")
    ] = True


class EnforceSpec(Resource):
    """Ceilings that no policy can widen."""

    max_attempts: Annotated[int, Field(description="Attempts a call may make, on all targets.", ge=1, le=16)] = 4


class ModelGatewaySpec(Resource):
    """A fleet of proxies: how many, where they listen, who may call, which namespaces attach, where they connect."""

    proxy: Annotated[ProxySpec, Field(description="The proxies of the fleet.")] = ProxySpec()
    listeners: Annotated[
        list[ListenerSpec], Field(description="Ports for applications.", min_length=1, max_length=8), BY_NAME
    ] = [ListenerSpec.model_validate({"name": "http", "port": 8080})]
    auth: Annotated[AuthSpec, Field(description="How callers prove who they are.")] = AuthSpec()
    tenants: Annotated[
        NamespacesSelector,
        Field(description="Namespaces whose policies and providers this gateway serves, beside its own."),
    ] = NamespacesSelector()
    egress: Annotated[EgressSpec, Field(description="Where upstream connections may go.")] = EgressSpec()
    defaults: Annotated[
        ResilienceSpec, Field(description="What rules of policies leave open: the shape of a rule's resilience.")
    ] = ResilienceSpec()
    enforce: Annotated[EnforceSpec, Field(description="Ceilings that no policy can widen.")] = EnforceSpec()
    ledger: Annotated[
        LedgerSpec | None,
        Field(
            description="Where one record of every attempt is kept: who called, what it used, what it cost. Omitted in "
            "a cluster: nowhere, and only metrics and status count. In a cluster it must name a store (postgres, "
            "jsonLines or otlp), for a pod's own disk goes with the pod; `fairlead run` always keeps the records in "
            "`ledger.sqlite` in its state directory, whatever else is named."
        ),
    ] = None
    telemetry: Annotated[
        TelemetrySpec,
        Field(description="What the proxies of the fleet remember of themselves, and who may read their metrics."),
    ] = TelemetrySpec()
