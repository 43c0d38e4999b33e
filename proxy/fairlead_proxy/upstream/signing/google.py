"""Tokens of Google for Vertex AI, by a service account's key: google-auth signs, our transport asks.

Heavy to import: see `signers.py`.
"""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import Any, NoReturn

from cryptography.exceptions import UnsupportedAlgorithm
from google.auth import exceptions
from google.auth import transport as google_transport
from google.oauth2 import service_account

from fairlead_proxy.contract.config import Provider
from fairlead_proxy.upstream.signing.key_material import ServiceAccount, refused
from fairlead_proxy.upstream.signing.token_endpoint import Granted, ask_for_token, read_token
from fairlead_proxy.upstream.transport import Transport

_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_SELF_SIGNED_SECONDS = 3600.0
"""How long a token lasts that a service account of another universe signs for itself: https://google.aip.dev/auth/4111"""


async def fetch_google_token(
    transport: Transport, provider: Provider, account: ServiceAccount, unix: Callable[[], float], executor: Executor
) -> Granted:
    """Return a new token; raise UpstreamFailure.

    google-auth works in `executor`: reading a key of 2048 bits takes it 30 ms, signing 1. Nothing is waited for there:
    what it would send is sent from the loop.
    """
    signed = await asyncio.get_running_loop().run_in_executor(executor, _sign, account)
    if isinstance(signed, Granted):
        return signed
    return read_token(await ask_for_token(transport, provider, signed.url, signed.form), unix())


def _sign(account: ServiceAccount) -> "Granted | _ToSend":
    """Return what Google's library would send to the token endpoint, or the token that it has signed itself."""
    try:
        made: Any = service_account.Credentials.from_service_account_info(  # type: ignore[no-untyped-call]
            {
                "type": "service_account",
                "client_email": account.email,
                "private_key": account.private_key,
                "private_key_id": account.private_key_id or None,
                "token_uri": account.token_url,
                "universe_domain": account.universe,
            },
            scopes=_SCOPES,
        )
    except (ValueError, TypeError, UnsupportedAlgorithm, exceptions.GoogleAuthError):
        # Without its cause: the text of a parser may quote what it read.
        raise refused("'private_key' is not the PEM of a private key of RSA") from None
    try:
        made.refresh(_Outbox())
    except _ToSend as to_send:
        return to_send
    except (ValueError, exceptions.GoogleAuthError):
        raise refused("'private_key' does not sign") from None
    return Granted(str(made.token), _SELF_SIGNED_SECONDS)


class _ToSend(Exception):
    """A form for the token endpoint, thrown out of the library that would wait for its answer."""

    def __init__(self, url: str, form: bytes) -> None:
        super().__init__()
        self.url = url
        self.form = form


class _Outbox(google_transport.Request):
    """What google-auth takes for its way to the network. It asks for nothing but a token, and that with a POST."""

    def __call__(  # type: ignore[no-untyped-def]
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **kwargs,
    ) -> NoReturn:
        raise _ToSend(url, body or b"")
