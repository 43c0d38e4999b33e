"""Tokens of Entra for Azure OpenAI, by an application's secret: the client credentials grant of RFC 6749, section 4.4.

Source: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
"""

from collections.abc import Callable
from urllib.parse import urlencode

from fairlead_proxy.contract.config import Provider
from fairlead_proxy.upstream.signing.key_material import AppSecret
from fairlead_proxy.upstream.signing.token_endpoint import Granted, ask_for_token, read_token
from fairlead_proxy.upstream.transport import Transport


async def fetch_entra_token(
    transport: Transport, provider: Provider, app: AppSecret, unix: Callable[[], float]
) -> Granted:
    """Return a new token; raise UpstreamFailure."""
    form = {
        "grant_type": "client_credentials",
        "client_id": app.client_id,
        "client_secret": app.client_secret,
        "scope": app.scope,
    }
    answer = await ask_for_token(transport, provider, app.token_url, urlencode(form).encode())
    return read_token(answer, unix())
