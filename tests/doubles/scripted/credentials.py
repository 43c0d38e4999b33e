"""What each vendor demands a call to prove itself with."""

import hmac
from collections.abc import Callable
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth  # type: ignore[import-untyped]
from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]
from botocore.credentials import Credentials  # type: ignore[import-untyped]
from doubles.scripted.script import Script
from doubles.scripted.tokens import Tokens
from doubles.scripted.turn import Place, Unfit
from doubles.scripted.wire import Request


def check_credential(place: Place, request: Request, script: Script, tokens: Tokens, now: float) -> None:
    """Raise Unfit where the vendor would reject the credential."""
    if script.strict_credentials:
        _CHECKS[place.vendor](request, script, tokens, now)


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token if scheme == "Bearer" else ""


def _is_key(key: str, script: Script) -> bool:
    return bool(key) and (not script.api_keys or key in script.api_keys)


def _openai(request: Request, script: Script, tokens: Tokens, now: float) -> None:
    key = _bearer(request)
    if not _is_key(key, script):
        told = f"Incorrect API key provided: {key[:8]}***." if key else "You didn't provide an API key."
        raise Unfit(told, 401, type="invalid_request_error", code="invalid_api_key" if key else None)


def _azure(request: Request, script: Script, tokens: Tokens, now: float) -> None:
    """Source: https://learn.microsoft.com/azure/ai-foundry/openai/reference#authentication."""
    if not (_is_key(request.headers.get("api-key", ""), script) or tokens.is_good(_bearer(request), now)):
        told = "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key "
        raise Unfit(told + "for an active subscription and use a correct regional API endpoint.", 401, code="401")


def _anthropic(request: Request, script: Script, tokens: Tokens, now: float) -> None:
    """Source: https://docs.claude.com/en/api/overview#authentication and .../versioning."""
    if not request.headers.get("anthropic-version"):
        raise Unfit("anthropic-version: header is required", 400, type="invalid_request_error")
    if not _is_key(request.headers.get("x-api-key", "") or _bearer(request), script):
        raise Unfit("invalid x-api-key", 401, type="authentication_error")


def _gemini(request: Request, script: Script, tokens: Tokens, now: float) -> None:
    """Source: https://ai.google.dev/api#authentication."""
    key = request.headers.get("x-goog-api-key", "") or request.query.get("key", "")
    if not key:
        told = "Method doesn't allow unregistered callers (callers without established identity). Please use API Key "
        raise Unfit(told + "or other form of API consumer identity to call this API.", 403)
    if not _is_key(key, script):
        kind = "type.googleapis.com/google.rpc.ErrorInfo"
        info = {"@type": kind, "reason": "API_KEY_INVALID", "domain": "googleapis.com"}
        raise Unfit("API key not valid. Please pass a valid API key.", 400, details=[info])


def _vertex(request: Request, script: Script, tokens: Tokens, now: float) -> None:
    """Source: https://cloud.google.com/vertex-ai/docs/authentication."""
    plain = request.headers.get("x-goog-api-key", "") or _bearer(request)
    if not (tokens.is_good(_bearer(request), now) or (script.api_keys and plain in script.api_keys)):
        told = "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other "
        raise Unfit(told + "valid authentication credential.", 401)


def _bedrock(request: Request, script: Script, tokens: Tokens, now: float) -> None:
    """Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html."""
    authorization = request.headers.get("authorization", "")
    if not authorization.startswith("AWS4-HMAC-SHA256 "):
        if not _is_key(_bearer(request), script):
            raise Unfit("Missing Authentication Token", 403, type="MissingAuthenticationTokenException")
        return
    pairs = (each.strip().partition("=") for each in authorization.removeprefix("AWS4-HMAC-SHA256 ").split(","))
    fields = {name: value for name, _, value in pairs}
    scope = fields.get("Credential", "").split("/")
    if len(scope) != 5 or (script.aws_access_key and scope[0] != script.aws_access_key):
        raise Unfit("The security token included in the request is invalid.", 403, type="UnrecognizedClientException")
    if script.aws_session_token and request.headers.get("x-amz-security-token") != script.aws_session_token:
        raise Unfit("The security token included in the request is invalid.", 403, type="UnrecognizedClientException")
    if script.aws_secret_key and not hmac.compare_digest(
        fields.get("Signature", ""), _signature(request, script, scope, fields)
    ):
        told = "The request signature we calculated does not match the signature you provided."
        raise Unfit(told, 403, type="InvalidSignatureException")


def _signature(request: Request, script: Script, scope: list[str], fields: dict[str, str]) -> str:
    """Return the signature that the request should have, over the headers that it says are signed."""
    _, _, region, service, _ = scope
    signed = fields.get("SignedHeaders", "").split(";")
    headers = {name: request.headers.get(name, "") for name in signed}
    url = f"http://{request.headers.get('host', '')}{request.path}"
    if not urlsplit(url).path or "host" not in signed:
        return ""
    again = AWSRequest(method=request.method, url=url, data=request.body, headers=headers)
    again.context["timestamp"] = request.headers.get("x-amz-date", "")
    signer = SigV4Auth(Credentials(scope[0], script.aws_secret_key), service, region)
    signature: str = signer.signature(signer.string_to_sign(again, signer.canonical_request(again)), again)
    return signature


_CHECKS: dict[str, Callable[[Request, Script, Tokens, float], None]] = {
    "OpenAI": _openai,
    "Azure": _azure,
    "Anthropic": _anthropic,
    "Gemini API": _gemini,
    "Vertex AI": _vertex,
    "Bedrock": _bedrock,
}
