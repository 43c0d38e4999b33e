"""What may stand in a Secret as the key of a provider: a text, or for some types JSON that a token is had for."""

import json
from dataclasses import dataclass

from fairlead_proxy.contract.names import ProviderType


@dataclass(frozen=True, slots=True)
class KeyFault:
    """Why a value is no key, to be read after "the key K of the Secret S"; it quotes nothing of the value."""

    message: str


def read_key(provider_type: ProviderType, value: bytes) -> str | KeyFault:
    """Return the key as the key ring holds it: a text as it is; of JSON what a token or a signature takes, in one line.

    JSON is read in each spelling that the vendors' own programs print, and comes out in one.
    """
    if provider_type in _MEMBERS and value.lstrip().startswith(b"{"):
        return _read_json(provider_type, value)
    if any(not 0x20 < byte < 0x7F for byte in value):
        return KeyFault("holds spaces, control or non-ASCII characters, which no API key has")
    return value.decode("ascii")


@dataclass(frozen=True, slots=True)
class _Member:
    """One text of such JSON; `also`: what else a vendor calls it, without regard to case, hyphens and underscores."""

    name: str
    needed: bool = True
    also: str = ""


_MEMBERS: dict[ProviderType, tuple[_Member, ...]] = {
    ProviderType.VERTEX_AI: (
        _Member("type"),
        _Member("client_email"),
        _Member("private_key"),
        _Member("private_key_id", needed=False),
        _Member("token_uri", needed=False),
        _Member("universe_domain", needed=False),
    ),
    ProviderType.BEDROCK: (
        _Member("accessKeyId"),
        _Member("secretAccessKey"),
        _Member("sessionToken", needed=False),
    ),
    ProviderType.AZURE_OPENAI: (
        _Member("tenantId", also="tenant"),
        _Member("clientId", also="appid"),
        _Member("clientSecret", also="password"),
        _Member("authority", needed=False),
        _Member("scope", needed=False),
    ),
}
"""The types whose key may be JSON, and what counts in it.

Sources: https://cloud.google.com/iam/docs/keys-create-delete (the key file of a service account),
https://docs.aws.amazon.com/cli/latest/reference/configure/export-credentials.html (capital letters),
https://docs.aws.amazon.com/STS/latest/APIReference/API_Credentials.html (below `Credentials`),
https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow and
https://learn.microsoft.com/cli/azure/ad/sp (appId, password and tenant, as `az ad sp create-for-rbac` prints them)
"""

_SERVICE_ACCOUNT = "service_account"


def _read_json(provider_type: ProviderType, value: bytes) -> str | KeyFault:
    try:
        content = json.loads(value)
    except (ValueError, RecursionError):
        return KeyFault("begins like JSON and is none; put it there as it was issued")
    inner = content.get("Credentials") if provider_type is ProviderType.BEDROCK else None
    given = {_bare(name): each for name, each in (inner if isinstance(inner, dict) else content).items()}
    texts: dict[str, str] = {}
    for member in _MEMBERS[provider_type]:
        text = given.get(_bare(member.name)) or given.get(member.also)
        if isinstance(text, str) and text:
            texts[member.name] = text
    if provider_type is ProviderType.VERTEX_AI and texts.get("type") != _SERVICE_ACCOUNT:
        return KeyFault(f"holds JSON whose type is not {_SERVICE_ACCOUNT}; put the key file of a service account there")
    missing = [member.name for member in _MEMBERS[provider_type] if member.needed and member.name not in texts]
    if missing:
        return KeyFault(f"holds JSON without {' and '.join(missing)}; put each there as a text that is not empty")
    return json.dumps(texts, separators=(",", ":"))


def _bare(name: str) -> str:
    """Return a member's name as every spelling of it has it, that of environment variables included."""
    return name.lower().replace("_", "").replace("-", "").removeprefix("aws")
