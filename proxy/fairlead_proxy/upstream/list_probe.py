"""A probe that asks for the list of models: the cheap sign of life."""

from collections.abc import Callable

from fairlead_proxy.contract.config import Provider
from fairlead_proxy.contract.dialects import dialect_of_type
from fairlead_proxy.contract.names import Operation
from fairlead_proxy.dialects.dialect import MAX_ERROR_BYTES
from fairlead_proxy.dialects.framing import FRAMINGS, probe_headers
from fairlead_proxy.dialects.registry import provider_dialect
from fairlead_proxy.upstream.berths import SignerChoice, TransportChoice
from fairlead_proxy.upstream.fetch import fetch
from fairlead_proxy.upstream.transport import Headers, Lane

LIST_DEADLINE_SECONDS = 5.0

_TELLING_STATUSES = frozenset({401, 403, 429})
"""Design, section 11: any other answer below 500 is that of a living provider, 404 included."""


class ListProbes:
    """Makes them. `clock`: Unix seconds."""

    def __init__(self, transports: TransportChoice, signers: SignerChoice, clock: Callable[[], float]) -> None:
        self._transports = transports
        self._signers = signers
        self._clock = clock

    async def ask(self, provider: Provider, key: str) -> None:
        """Ask once, under a deadline; raise UpstreamFailure unless the answer is that of a living provider."""
        signer = self._signers.of(provider, key)
        path = FRAMINGS[provider.type].models_path
        headers = probe_headers(provider.type, "" if signer is not None else key)
        proof: Headers | None = None
        if signer is not None:
            bare = Lane(provider, "GET", path, headers, LIST_DEADLINE_SECONDS)
            proof = signer.headers(bare, b"", self._clock())
            if proof is None:
                await signer.ready()
                proof = signer.headers(bare, b"", self._clock())
            headers = (*headers, *(proof or ()))
        lane = Lane(provider, "GET", path, headers, LIST_DEADLINE_SECONDS)
        dialect = provider_dialect(dialect_of_type(provider.type), Operation.CHAT)
        transport = self._transports.for_provider(provider)
        answer = await fetch(transport, lane, most_bytes=MAX_ERROR_BYTES, reads=_tells)
        if answer.status == 401 and signer is not None and proof is not None:
            signer.forget(proof)
        if _tells(answer.status):
            raise dialect.classify(answer.status, answer.headers, answer.body, self._clock())


def _tells(status: int) -> bool:
    """Say whether an answer may be that of a provider that does not serve."""
    return status in _TELLING_STATUSES or status >= 500
