"""What may stand in a provider's Secret instead of a plain key: a JSON object that says by itself what it is.

Nothing of it is ever shown: not in a failure, not in a repr. Faults are UpstreamFailure(CredentialRejected), in words
that name the member and what it has to be.
"""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec

from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.exchange.conversation import JsonObject
from fairlead_proxy.exchange.errors import UpstreamFailure

GOOGLE_TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105 (an address, not a secret)
"""Where a service account's JSON that names no `token_uri` gets its tokens."""
GOOGLE_UNIVERSE = "googleapis.com"

ENTRA_AUTHORITY = "https://login.microsoftonline.com"
AZURE_SCOPE = "https://cognitiveservices.azure.com/.default"
"""Source: https://learn.microsoft.com/azure/ai-services/authentication, "Authenticate with Microsoft Entra ID"."""

MAX_PRIVATE_KEY_CHARACTERS = 4096
"""Room for 4096 bits of RSA as PEM (3272 characters), which take 0.2 s to read; 8192 bits took 3 s."""

_VISIBLE = re.compile(r"[\x21-\x7e]+")
_TENANT = re.compile(r"[A-Za-z0-9.-]+")


@dataclass(frozen=True, slots=True, repr=False)
class AccessKeys:
    """Of AWS. `session_token` is empty for keys that last."""

    key_id: str
    secret: str
    session_token: str


@dataclass(frozen=True, slots=True, repr=False)
class AppSecret:
    """A secret of an application that is registered with Entra. `token_url` is where it gets its tokens."""

    client_id: str
    client_secret: str
    scope: str
    token_url: str


@dataclass(frozen=True, slots=True, repr=False)
class ServiceAccount:
    """Of Google; no more of its JSON than a token takes."""

    email: str
    private_key: str
    private_key_id: str
    token_url: str
    universe: str


def describes_itself(key: str) -> bool:
    """Say whether a key is an object of JSON: no vendor's plain key begins like one."""
    return key.lstrip().startswith("{")


def read_access_keys(key: str) -> AccessKeys:
    """Read the access keys of AWS, spelt as the CLI, the SDKs or the environment spell them.

    Sources: https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-sourcing-external.html (AccessKeyId) and
    https://docs.aws.amazon.com/STS/latest/APIReference/API_Credentials.html (below `Credentials`).
    """
    members = _members(key)
    inner = members.get("Credentials")
    spelt = {_bare(name): value for name, value in (inner if isinstance(inner, dict) else members).items()}
    keys = AccessKeys(
        _visible(spelt, "accesskeyid", "accessKeyId"),
        _visible(spelt, "secretaccesskey", "secretAccessKey"),
        _visible(spelt, "sessiontoken", "sessionToken") if spelt.get("sessiontoken") else "",
    )
    if "/" in keys.key_id or "," in keys.key_id:
        raise refused("'accessKeyId' is not the id of an access key")
    return keys


def read_app_secret(key: str) -> AppSecret:
    """Read an application's secret: `tenantId`, `clientId` and `clientSecret`, or as `az ad sp create-for-rbac` prints.

    `authority` and `scope` are for the clouds of one state alone. Source:
    https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
    """
    spelt = {_bare(name): value for name, value in _members(key).items()}
    for ours, printed in (("tenantid", "tenant"), ("clientid", "appid"), ("clientsecret", "password")):
        spelt.setdefault(ours, spelt.get(printed))
    tenant = _visible(spelt, "tenantid", "tenantId")
    if not _TENANT.fullmatch(tenant):
        raise refused("'tenantId' is neither the id nor a domain of a tenant")
    authority = _url(spelt.get("authority") or ENTRA_AUTHORITY, "authority")
    return AppSecret(
        _visible(spelt, "clientid", "clientId"),
        _visible(spelt, "clientsecret", "clientSecret"),
        _visible(spelt, "scope", "scope") if spelt.get("scope") else AZURE_SCOPE,
        f"{authority.rstrip('/')}/{tenant}/oauth2/v2.0/token",
    )


def read_service_account(key: str) -> ServiceAccount:
    """Read a service account's key file: https://cloud.google.com/iam/docs/keys-create-delete, "Example key file".

    No other type of credentials is taken: an `external_account` may name files and programs of this machine.
    """
    members = _members(key)
    if members.get("type") != "service_account":
        raise refused("'type' must be service_account: no other credentials of Google are taken here")
    private_key = _text(members, "private_key")
    if len(private_key) > MAX_PRIVATE_KEY_CHARACTERS:
        raise refused("'private_key' is longer than one of 4096 bits")
    return ServiceAccount(
        _visible(members, "client_email", "client_email"),
        private_key,
        _text(members, "private_key_id") if members.get("private_key_id") else "",
        _url(members.get("token_uri") or GOOGLE_TOKEN_URL, "token_uri"),
        _visible(members, "universe_domain", "universe_domain") if members.get("universe_domain") else GOOGLE_UNIVERSE,
    )


def refused(what: str) -> UpstreamFailure:
    """Return the failure of a key whose material is not of its form."""
    return UpstreamFailure(FailureClass.CREDENTIAL_REJECTED, f"the key cannot be used: {what}")


def _members(key: str) -> JsonObject:
    try:
        return msgspec.json.decode(key.encode(), type=JsonObject)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        raise refused("it begins like JSON and is no JSON object") from None


def _bare(name: str) -> str:
    """Return a member's name as every spelling of it has it."""
    return name.lower().replace("_", "").replace("-", "").removeprefix("aws")


def _visible(members: JsonObject, name: str, told: str) -> str:
    value = members.get(name)
    if not isinstance(value, str) or not _VISIBLE.fullmatch(value):
        raise refused(f"'{told}' must be a text of visible ASCII characters")
    return value


def _text(members: JsonObject, name: str) -> str:
    value = members.get(name)
    if not isinstance(value, str) or not value:
        raise refused(f"'{name}' must be a text")
    return value


def _url(value: object, name: str) -> str:
    """Whether it may be reached, and by plain http, is for the rules of egress to say."""
    try:
        parts = urlsplit(value) if isinstance(value, str) and _VISIBLE.fullmatch(value) else None
    except ValueError:
        parts = None
    if parts is None or parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise refused(f"'{name}' must be an https url without a query")
    return parts.geturl()
