"""The token endpoints of Google and of Microsoft Entra, and the tokens that they gave."""

import base64
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from doubles.scripted.script import Script
from doubles.scripted.wire import Request

ASSERTION = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LONGEST_SECONDS = 3600
"""Source: https://developers.google.com/identity/protocols/oauth2/service-account#jwt-auth"""


class _Refused(Exception):
    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.status = status
        self.body = {"error": error, "error_description": description}


@dataclass
class Tokens:
    """`given` says until when each token is good, in Unix seconds."""

    given: dict[str, float] = field(default_factory=dict)

    def is_good(self, token: str, now: float) -> bool:
        return self.given.get(token, 0.0) > now

    def answer(self, request: Request, script: Script, now: float) -> tuple[int, bytes]:
        """Return status and body of the answer to a POST to a token endpoint."""
        asked = {name: values[-1] for name, values in parse_qs(request.body.decode("utf-8", "replace")).items()}
        entra = request.place.endswith("/oauth2/v2.0/token")
        try:
            if script.token_status != 200:
                raise _Refused("temporarily_unavailable", "scripted", script.token_status)
            (_check_entra if entra else _check_google)(asked, script, now)
        except _Refused as refused:
            return refused.status, json.dumps(refused.body).encode()
        token = f"token-{len(self.given) + 1}"
        self.given[token] = now + script.token_seconds
        told = {"access_token": token, "expires_in": script.token_seconds, "token_type": "Bearer"}
        return 200, json.dumps(told | ({"ext_expires_in": script.token_seconds} if entra else {})).encode()


def is_token_endpoint(request: Request) -> bool:
    return request.method == "POST" and request.place.endswith("/token")


def _check_entra(asked: dict[str, str], script: Script, now: float) -> None:
    """Source: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow."""
    if asked.get("grant_type") != "client_credentials":
        raise _Refused("unsupported_grant_type", "AADSTS70003: The app requested an unsupported grant type.")
    for name in ("client_id", "client_secret", "scope"):
        if not asked.get(name):
            told = f"AADSTS900144: The request body must contain the following parameter: '{name}'."
            raise _Refused("invalid_request", told)
    if not asked["scope"].endswith("/.default"):
        told = f"AADSTS1002012: The provided value for scope {asked['scope']} is not valid."
        raise _Refused("invalid_scope", told)
    if script.entra_secret and asked["client_secret"] != script.entra_secret:
        raise _Refused("invalid_client", "AADSTS7000215: Invalid client secret provided.", 401)


def _check_google(asked: dict[str, str], script: Script, now: float) -> None:
    """Source: https://developers.google.com/identity/protocols/oauth2/service-account#httprest."""
    if asked.get("grant_type") != ASSERTION:
        raise _Refused("unsupported_grant_type", f"Invalid grant_type: {asked.get('grant_type')}")
    header, claims, signed, signature = _read_assertion(asked.get("assertion", ""))
    if header.get("alg") != "RS256":
        raise _Refused("invalid_grant", "Invalid JWT Signature.")
    for name in ("iss", "aud", "iat", "exp"):
        if not claims.get(name):
            raise _Refused("invalid_grant", f"Invalid JWT: {name} is missing")
    if not claims.get("scope"):
        raise _Refused("invalid_scope", "Invalid OAuth scope or ID token audience provided.")
    if not (claims["iat"] - 300 <= now < claims["exp"] <= claims["iat"] + LONGEST_SECONDS):
        told = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe."
        raise _Refused("invalid_grant", f"{told} Check your iat and exp values in the JWT claim.")
    if script.google_public_key:
        _verify(signed, signature, script.google_public_key)


def _read_assertion(assertion: str) -> tuple[dict[str, Any], dict[str, Any], bytes, bytes]:
    parts = assertion.split(".")
    try:
        header, claims, signature = (base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in parts)
        decoded = json.loads(header), json.loads(claims)
    except ValueError:
        raise _Refused("invalid_grant", "Invalid JWT Signature.") from None
    return decoded[0], decoded[1], f"{parts[0]}.{parts[1]}".encode(), signature


def _verify(signed: bytes, signature: bytes, public_key: str) -> None:
    key = load_pem_public_key(public_key.encode())
    if not isinstance(key, rsa.RSAPublicKey):
        raise TypeError("google_public_key is not a public key of RSA")
    try:
        key.verify(signature, signed, padding.PKCS1v15(), SHA256())
    except InvalidSignature:
        raise _Refused("invalid_grant", "Invalid JWT Signature.") from None
