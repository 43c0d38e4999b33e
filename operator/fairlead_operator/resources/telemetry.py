"""ModelGateway.spec.telemetry: what the proxies of a fleet remember of themselves, and who may read their metrics."""

from typing import Annotated

from pydantic import Field

from fairlead_operator.resources.fields import CIDR_PATTERN, NETWORK
from fairlead_operator.resources.meta import LabelSelector, Resource


class AddressBlock(Resource):
    """Addresses of a network."""

    cidr: Annotated[
        str,
        Field(description="For example 10.20.0.0/16 or fd00::/8.", max_length=49, pattern=CIDR_PATTERN),
        NETWORK,
    ]
    except_: Annotated[
        list[Annotated[str, Field(max_length=49, pattern=CIDR_PATTERN), NETWORK]],
        Field(alias="except", description="Networks within `cidr` that are left out.", max_length=16),
    ] = []


class ScrapePeer(Resource):
    """Pods or addresses, as an entry in the `from` of a NetworkPolicy names them."""

    namespace_selector: Annotated[
        LabelSelector | None,
        Field(
            description="Namespaces by label: all pods there or, with podSelector, those that it selects; {} selects "
            "every namespace. Omitted, with podSelector: the gateway's own."
        ),
    ] = None
    pod_selector: Annotated[
        LabelSelector | None, Field(description="Pods by label; {} selects all. Omitted, with namespaceSelector: all.")
    ] = None
    ip_block: Annotated[
        AddressBlock | None,
        Field(description="Addresses instead of pods, such as those of a Prometheus outside of the cluster."),
    ] = None


class TelemetrySpec(Resource):
    """What the proxies of a fleet remember of themselves, and who may read their metrics."""

    decision_ring: Annotated[
        int,
        Field(
            description="How many of its last calls each proxy, or each worker of `fairlead run`, remembers for "
            "`kubectl fairlead trace`, for as long as it lives; 0: none. A call takes about 2 KiB of its memory. A new "
            "number restarts nothing, and the newest calls are kept.",
            ge=0,
            le=100_000,
        ),
    ] = 10_000
    scrape_from: Annotated[
        list[ScrapePeer],
        Field(
            description="Who may reach port 9090 of the proxies for /metrics, beside the operator: entries as in the "
            "`from` of a NetworkPolicy, which is the fleet's own. What else is told there needs a token.",
            max_length=16,
        ),
    ] = []
