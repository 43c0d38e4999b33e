"""Tokens of Google for Vertex AI, by a service account's key: google-auth signs, our transport asks.

Heavy to import: see `signers.py`.
"""

import asyncio
import concurrent.futures
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from google.auth import exceptions
from google.auth import transport as google_transport
from google.oauth2 import service_account

from fairlead_proxy.contract.config import Provider
from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.upstream.signing.key_material import ServiceAccount, refused
from fairlead_proxy.upstream.signing.token_endpoint import DEADLINE_SECONDS, Granted, ask_for_token, read_token
from fairlead_proxy.upstream.transport import Transport

_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_SELF_SIGNED_SECONDS = 3600.0
"""How long a token lasts that a service account of another universe signs for itself: https://google.aip.dev/auth/4111"""


_Ask = Callable[[str, bytes], Coroutine[Any, Any, Granted]]


async def fetch_google_token(
    transport: Transport, provider: Provider, account: ServiceAccount, unix: Callable[[], float]
) -> Granted:
    """Return a new token; raise UpstreamFailure. The work of google-auth is done in a thread: signing takes a while."""

    async def ask(url: str, form: bytes) -> Granted:
        return read_token(await ask_for_token(transport, provider, url, form), unix())

    bridge = _Bridge(ask, asyncio.get_running_loop())
    try:
        return await asyncio.to_thread(_refresh, account, bridge)
    finally:
        bridge.end()


def _refresh(account: ServiceAccount, bridge: "_Bridge") -> Granted:
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
        made.refresh(bridge)
    except concurrent.futures.TimeoutError:
        raise UpstreamFailure(
            FailureClass.TIMEOUT, f"no answer of the token endpoint within {DEADLINE_SECONDS:g} s"
        ) from None
    except ValueError:
        raise refused("'private_key' does not sign") from None
    except (exceptions.GoogleAuthError, concurrent.futures.CancelledError):
        raise UpstreamFailure(FailureClass.UNREACHABLE, "the token endpoint was not asked") from None
    return bridge.granted or Granted(str(made.token), _SELF_SIGNED_SECONDS)


class _Bridge(google_transport.Request):
    """What google-auth takes for its way to the network: from its thread into the loop, and out by our transport.

    An answer that is no token ends the whole attempt here, where its class is known, and before google-auth repeats it.
    """

    def __init__(self, ask: _Ask, loop: asyncio.AbstractEventLoop) -> None:
        self.granted: Granted | None = None
        self._ask = ask
        self._loop = loop
        self._asking: concurrent.futures.Future[Granted] | None = None
        self._ended = False

    def __call__(  # type: ignore[no-untyped-def]
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **kwargs,
    ) -> "_Response":
        if self._ended or method != "POST":
            raise exceptions.TransportError("nothing but the token endpoint is asked")  # type: ignore[no-untyped-call]
        self._asking = asyncio.run_coroutine_threadsafe(self._ask(url, body or b""), self._loop)
        self.granted = self._asking.result(DEADLINE_SECONDS)
        return _Response(self.granted)

    def end(self) -> None:
        """Nobody waits any more: let the thread go."""
        self._ended = True
        if self._asking is not None:
            self._asking.cancel()


class _Response(google_transport.Response):
    """A token as google-auth reads it: whole, and in its plainest form, whatever the endpoint wrote."""

    def __init__(self, granted: Granted) -> None:
        self._granted = granted

    @property
    def status(self) -> int:
        return 200

    @property
    def headers(self) -> Mapping[str, str]:
        return {}

    @property
    def data(self) -> bytes:
        answer = {"access_token": self._granted.token, "expires_in": int(self._granted.life_seconds)}
        return msgspec.json.encode(answer)
