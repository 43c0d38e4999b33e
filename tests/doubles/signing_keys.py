"""What stands in a Secret of Azure or of Google, for token endpoints that a test chooses, and who signs with it."""

import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from fairlead_proxy.contract.config import Provider
from fairlead_proxy.contract.names import ProviderType
from fairlead_proxy.upstream.signing.signer import Signer
from fairlead_proxy.upstream.signing.signers import Signers
from fairlead_proxy.upstream.transport import Lane

AZURE = Provider(id="ai/azure", type=ProviderType.AZURE_OPENAI, url="https://x.openai.azure.com")
VERTEX = Provider(id="ai/vertex", type=ProviderType.VERTEX_AI, url="https://aiplatform.googleapis.com/v1")
LANE = Lane(AZURE, "POST", "/openai/v1/chat/completions", ())
SECRET = "top.secret~value"
PRIVATE_KEY = (
    rsa.generate_private_key(65537, 2048)
    .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    .decode()
)


BOTH = pytest.mark.parametrize("provider", [AZURE, VERTEX], ids=["azure", "vertex"])


class Clock:
    """Unix seconds as a test sets them."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def azure_key(endpoint: str, **more: str) -> str:
    return json.dumps(
        {"tenantId": "my-tenant", "clientId": "app", "clientSecret": SECRET, "authority": endpoint} | more
    )


def google_key(endpoint: str, **more: object) -> str:
    account = {
        "type": "service_account",
        "project_id": "p",
        "client_email": "robot@p.iam.gserviceaccount.com",
        "private_key": PRIVATE_KEY,
        "private_key_id": "k1",
        "token_uri": f"{endpoint}/token",
    }
    return json.dumps(account | more)


def signer_at(signers: Signers, endpoint: str, provider: Provider = AZURE) -> Signer:
    key = azure_key(endpoint) if provider is AZURE else google_key(endpoint)
    signer = signers.of(provider, key)
    assert signer is not None
    return signer


def proof(signer: Signer, clock: Clock) -> str | None:
    """Return the token that the next request would go out with."""
    headers = signer.headers(LANE, b"", clock.now)
    return headers[0][1].removeprefix("Bearer ") if headers else None
