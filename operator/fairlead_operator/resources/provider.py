"""ModelProvider: one upstream account, as its owner writes it."""

from typing import Annotated, Literal

from pydantic import Field

from fairlead_operator.resources.checks import BY_NAME, SET
from fairlead_operator.resources.fields import BASE_URL, FORWARD_PROXY_PATTERN, URL_PATTERN, within
from fairlead_operator.resources.meta import (
    Duration,
    Fraction,
    Name,
    NamespacesSelector,
    ObjectReference,
    Resource,
)
from fairlead_operator.resources.price import Amount, PriceSpec
from fairlead_proxy.contract.names import FailureClass, MaintenanceState, Operation, ProbeMode, ProviderType

MODEL_NAME_PATTERN = r"^[A-Za-z0-9._:@-]+$"
SECRET_NAME_PATTERN = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"  # noqa: S105 (a pattern, not a secret)
SECRET_KEY_PATTERN = r"^[-._a-zA-Z0-9]+$"  # noqa: S105
CAPABILITY_PATTERN = r"^[a-z][A-Za-z]*$"
FAILURE_DOMAIN_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._/-]*$"
UPSTREAM_NAME_PATTERN = r"^[!-~]+$"
AZURE_VERSION_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(-preview)?$"
VERTEX_PROJECT_PATTERN = r"^[a-z0-9]([-a-z0-9.:]*[a-z0-9])?$"
VERTEX_LOCATION_PATTERN = r"^[a-z]+(-[a-z]+[0-9]+)?$"
"""Regions, multi-regions and `global`: https://cloud.google.com/vertex-ai/generative-ai/docs/learn/locations"""
AWS_REGION_PATTERN = r"^[a-z]{2,4}(-[a-z]+)+-[0-9]+$"
"""Source: https://docs.aws.amazon.com/general/latest/gr/bedrock.html"""
ModelOperation = Literal[Operation.CHAT, Operation.RESPONSES]
ModelName = Annotated[str, Field(min_length=1, max_length=128, pattern=MODEL_NAME_PATTERN)]


class AuthorityReference(Resource):
    """PEM certificates in a Secret of this object's namespace."""

    name: Annotated[
        str,
        Field(description="Name of the Secret.", min_length=1, max_length=253, pattern=SECRET_NAME_PATTERN),
    ]
    key: Annotated[
        str,
        Field(
            description="Key within the Secret's data. Only the certificates under it are read, 256 KiB at most.",
            min_length=1,
            max_length=253,
            pattern=SECRET_KEY_PATTERN,
        ),
    ] = "ca.crt"


class Endpoint(Resource):
    """Where the provider is reached, by which way, and who vouches for it."""

    url: Annotated[
        Annotated[str, Field(max_length=512, pattern=URL_PATTERN), BASE_URL] | None,
        Field(
            description="What the operation's path is appended to, for example https://api.openai.com/v1; for "
            "AzureOpenAI the address of the resource, https://NAME.openai.azure.com. No query, no fragment, no user. "
            "Required for OpenAICompatible and AzureOpenAI; omitted: the type's own.",
        ),
    ] = None
    ca_ref: Annotated[
        AuthorityReference | None,
        Field(
            description="Certificates of the authorities that the provider's own certificate is verified against, "
            "INSTEAD of those that the system trusts; to trust both, put both there. While they cannot be read, the "
            "provider is not served. Omitted: the system's."
        ),
    ] = None
    forward_proxy: Annotated[
        Annotated[str, Field(max_length=512, pattern=FORWARD_PROXY_PATTERN), BASE_URL] | None,
        Field(
            description="A proxy that every connection to the provider goes through by CONNECT, for example "
            "http://proxy.example:3128; port 80 unless it names one. No user, no path: proxies that ask for a "
            "password are not supported. The gateway's egress.allowHosts judges the provider's host, its address "
            "rules the proxy's address. Omitted: connections go straight to the provider.",
        ),
    ] = None


class SecretKeyReference(Resource):
    """One key of a Secret of this object's namespace."""

    name: Annotated[
        str,
        Field(
            description="Name of the Secret.",
            min_length=1,
            max_length=253,
            pattern=SECRET_NAME_PATTERN,
        ),
    ]
    key: Annotated[
        str,
        Field(
            description="Key within the Secret's data.",
            min_length=1,
            max_length=253,
            pattern=SECRET_KEY_PATTERN,
        ),
    ]


class CredentialSpec(Resource):
    """One key of the account; each has its own health."""

    name: Annotated[Name, Field(description="Name of the credential, unique in this provider.")]
    secret_ref: Annotated[
        SecretKeyReference,
        Field(
            description="The Secret of this namespace that holds the key. What stands there is the API key as text; "
            "for VertexAI the JSON key file of a service account, or an access token or API key; for Bedrock JSON "
            '{"accessKeyId", "secretAccessKey", "sessionToken"}, of which the last may be left out, or a Bedrock API '
            'key; for AzureOpenAI the key, or JSON {"tenantId", "clientId", "clientSecret"} of an application in Entra '
            "ID. The token of a service account is fetched from its token_uri, that of an application from "
            "login.microsoftonline.com: egress.allowHosts of the gateway, where it is given, must list that host too."
        ),
    ]
    weight: Annotated[
        int,
        Field(description="Share of the calls among the credentials; 0: only when no other serves.", ge=0, le=1000),
    ] = 1


class Placement(Resource):
    """Where the provider stands."""

    failure_domain: Annotated[
        str | None,
        Field(
            description="Providers that fail together share one. Omitted: this provider is one of its own.",
            min_length=1,
            max_length=128,
            pattern=FAILURE_DOMAIN_PATTERN,
        ),
    ] = None


class ModelSpec(Resource):
    """One model of this provider."""

    name: Annotated[ModelName, Field(description="How policies call the model; without a slash.")]
    upstream_name: Annotated[
        str | None,
        Field(
            description="How the provider calls it; omitted: the same. For AzureOpenAI the name of the deployment; for "
            "Bedrock the id of a model or an inference profile, or an ARN. On VertexAI a name that begins with claude "
            "or anthropic/claude is a model of Anthropic's.",
            min_length=1,
            max_length=256,
            pattern=UPSTREAM_NAME_PATTERN,
        ),
    ] = None
    operations: Annotated[
        list[ModelOperation],
        Field(
            description="What the provider offers for the model: chat, and for the types OpenAI, OpenAICompatible and "
            "AzureOpenAI also responses, which is OpenAI's Responses API. With either of them the model serves callers "
            "of both, and of Anthropic's and Gemini's APIs, by translation. Counting tokens needs no mention: it is "
            "served by whoever can.",
            min_length=1,
            max_length=8,
        ),
        SET,
    ] = [Operation.CHAT]
    capabilities: Annotated[
        Annotated[list[Annotated[str, Field(min_length=1, max_length=32, pattern=CAPABILITY_PATTERN)]], SET] | None,
        Field(
            description="What the model is able to use: tools, vision, jsonSchema, reasoning, audio. Omitted: no "
            "claim; given: a call that needs another one skips the model.",
            max_length=16,
        ),
    ] = None
    context_window: Annotated[
        int | None,
        Field(
            description="Tokens that fit, input and output together. A call that seems too large for it, by the "
            "estimate of its prompt and the length of answer that it asks for, tries the other targets first.",
            ge=1,
            le=100_000_000,
        ),
    ] = None
    price: Annotated[
        PriceSpec | None,
        Field(
            description="What the model costs. Omitted: what the price book has for it, which `fairlead prices` shows. "
            "A price that is in neither is unknown, which is not 0."
        ),
    ] = None


class PassiveHealthSpec(Resource):
    """When the outcomes of real calls stop further ones for a while."""

    window: Annotated[Duration, within("1s", "1h"), Field(description="How far back outcomes count.")] = "30s"
    min_requests: Annotated[
        int, Field(description="Attempts in the window below which the error rate says nothing.", ge=1, le=100_000)
    ] = 10
    error_rate: Annotated[Fraction, Field(description="Share of failed attempts, 0 to 1, that opens the breaker.")] = (
        "0.5"
    )
    consecutive: Annotated[int, Field(description="Failures in a row that open the breaker.", ge=1, le=1000)] = 5
    base_cooldown: Annotated[
        Duration, within("10ms", "1h"), Field(description="First cooldown; it doubles each time.")
    ] = "5s"
    max_cooldown: Annotated[
        Duration, within("10ms", "1h"), Field(description="Longest cooldown of our own; Retry-After may be longer.")
    ] = "5m"


class ActiveHealthSpec(Resource):
    """Probes that one proxy of the fleet sends."""

    mode: Annotated[
        ProbeMode | None,
        Field(
            description="None; ListModels: a GET of the model list, which at best lets one call try a provider that "
            "failed; or Chat: a real call for one token, which costs, and whose answer puts the provider back into "
            "service. It asks the model and mode that fail, else, while no calls are answered, the cheapest model; and "
            "only at a known price. It is booked in the ledger to the provider's namespace, with the "
            "caller fairlead:probe. Where Chat may not be sent, as for want of a price or of money, ListModels is, but "
            "for VertexAI and Bedrock, which have no such list. Omitted: ListModels for OpenAI and OpenAICompatible, "
            "else None."
        ),
    ] = None
    interval: Annotated[
        Duration,
        within("1s", "24h"),
        Field(description="Time between probes of a provider that is well; while it is not, 5 s at most."),
    ] = "30s"
    max_cost_per_day: Annotated[
        Amount | None,
        Field(
            description="Only for the mode Chat: what its probes may cost on one day, in UTC, at each gateway that "
            "holds the provider, in the currency of the models' prices; where they have several, in each. No probe "
            "begins that is known to cost more than what may be left of it. When another proxy takes over the "
            "probing, what the one before spent in its last seconds may come on top; when all proxies of a gateway "
            'are replaced at once, the day begins anew. Omitted: "0.10".'
        ),
    ] = None


class HealthSpec(Resource):
    """How the provider's health is observed."""

    passive: Annotated[PassiveHealthSpec, Field(description="Health by the outcomes of real calls.")] = (
        PassiveHealthSpec()
    )
    active: Annotated[ActiveHealthSpec, Field(description="Health by probes.")] = ActiveHealthSpec()


class MaintenanceSpec(Resource):
    """Whether the provider takes new calls, in the way of nodes and pods."""

    state: Annotated[
        MaintenanceState,
        Field(
            description="Active. Cordoned: no new call is sent there; those that run go on to their end, and targets "
            "elsewhere serve. Draining: the same, and the condition Drained says when no call is left."
        ),
    ] = MaintenanceState.ACTIVE


class OutageSpec(Resource):
    """A scheduled outage of a simulated provider."""

    after: Annotated[Duration, within("0s", "24h"), Field(description="When it begins, from the start of the proxy.")]
    for_: Annotated[Duration, within("10ms", "24h"), Field(alias="for", description="How long it lasts.")]
    every: Annotated[
        Annotated[Duration, within("10ms", "24h")] | None,
        Field(description="When it comes again, from beginning to beginning; omitted: never."),
    ] = None
    failure: Annotated[FailureClass, Field(description="How calls fail meanwhile.")] = FailureClass.SERVER_ERROR


class SimulatedSpec(Resource):
    """How a provider of type Simulated behaves: no model is called, and every answer says so."""

    seed: Annotated[int, Field(description="The same seed gives the same answers.", ge=0, le=2_147_483_647)] = 1
    ttft: Annotated[Duration, within("0s", "1h"), Field(description="Time to the first token.")] = "100ms"
    tokens_per_second: Annotated[int, Field(description="Speed of the answer.", ge=1, le=1_000_000)] = 50
    error_rate: Annotated[Fraction, Field(description="Share of calls that fail, 0 to 1.")] = "0"
    failure: Annotated[FailureClass, Field(description="How those calls fail.")] = FailureClass.SERVER_ERROR
    outages: Annotated[list[OutageSpec], Field(description="Scheduled outages.", max_length=16)] = []


class AzureSpec(Resource):
    """How a provider of type AzureOpenAI is called."""

    api_version: Annotated[
        str | None,
        Field(
            description="Version of Azure's dated API, such as 2024-10-21 or 2025-04-01-preview: chat calls then go to "
            "/openai/deployments/ and the model's upstreamName. Omitted: Azure's v1 API, which has no versions.",
            max_length=32,
            pattern=AZURE_VERSION_PATTERN,
        ),
    ] = None


class VertexSpec(Resource):
    """Where in Google Cloud a provider of type VertexAI is called."""

    project: Annotated[
        str,
        Field(
            description="Id or number of the project that is charged.",
            min_length=1,
            max_length=64,
            pattern=VERTEX_PROJECT_PATTERN,
        ),
    ]
    location: Annotated[
        str,
        Field(
            description="A region such as europe-west4, a multi-region such as eu, or global.",
            min_length=1,
            max_length=32,
            pattern=VERTEX_LOCATION_PATTERN,
        ),
    ]


class BedrockSpec(Resource):
    """Where in AWS a provider of type Bedrock is called."""

    region: Annotated[
        str,
        Field(
            description="The AWS region, such as eu-central-1; requests are signed for it.",
            min_length=1,
            max_length=32,
            pattern=AWS_REGION_PATTERN,
        ),
    ]


class ModelProviderSpec(Resource):
    """One upstream account: endpoint, keys, models, prices, health policy, and who may use it."""

    type: Annotated[ProviderType, Field(description="The provider's API.")]
    endpoint: Annotated[
        Endpoint | None,
        Field(
            description="Where and how it is reached. Required for OpenAICompatible and AzureOpenAI. Else the url is, "
            "where none is given: OpenAI https://api.openai.com/v1, Anthropic https://api.anthropic.com/v1, Gemini "
            "https://generativelanguage.googleapis.com/v1beta, VertexAI that of its location, Bedrock that of its "
            "region."
        ),
    ] = None
    azure: Annotated[AzureSpec | None, Field(description="Only for type AzureOpenAI.")] = None
    vertex: Annotated[VertexSpec | None, Field(description="For type VertexAI, which needs it, and no other.")] = None
    bedrock: Annotated[BedrockSpec | None, Field(description="For type Bedrock, which needs it, and no other.")] = None
    credentials: Annotated[
        list[CredentialSpec],
        Field(
            description="API keys; none: calls go out without one. VertexAI and Bedrock need one at least.",
            max_length=32,
        ),
        BY_NAME,
    ] = []
    placement: Annotated[Placement, Field(description="Where the provider stands.")] = Placement()
    consumers: Annotated[
        NamespacesSelector,
        Field(description="Namespaces whose policies may use this provider, beside its own."),
    ] = NamespacesSelector()
    gateway_refs: Annotated[
        list[ObjectReference] | None,
        Field(
            description="The gateways that hold this provider and its keys, and no others. Omitted: those of its own "
            "namespace, and those that admit its namespace.",
            min_length=1,
            max_length=16,
        ),
    ] = None
    models: Annotated[
        list[ModelSpec], Field(description="The models that policies may name.", min_length=1, max_length=128), BY_NAME
    ]
    health: Annotated[HealthSpec, Field(description="How its health is observed.")] = HealthSpec()
    maintenance: Annotated[
        MaintenanceSpec, Field(description="Takes the provider out of service, and back, by its owner's hand.")
    ] = MaintenanceSpec()
    simulated: Annotated[SimulatedSpec | None, Field(description="Only for type Simulated.")] = None
