"""The seam of signing: what a call asks of whoever turns the material of a key into the headers of one request."""

from typing import Protocol

from fairlead_proxy.upstream.transport import Headers, Lane


class Signer(Protocol):
    """Proves requests with one key of one provider. All but `ready` is done at once; all of it in the event loop."""

    def headers(self, lane: Lane, body: bytes, now: float) -> Headers | None:
        """Return what this request carries besides its lane's headers; `now`: Unix seconds.

        None: there is nothing to prove it with yet, await `ready` first. Raises UpstreamFailure for a lane whose url
        cannot be sent anyway.
        """
        ...

    async def ready(self) -> None:
        """Get what is missing; callers at the same time share one fetch, and one that leaves does not end it.

        Raises UpstreamFailure: CredentialRejected where the key's material is not of its form, or is refused;
        Unreachable, Timeout, RateLimited, ServerError or MalformedResponse of whoever gives out tokens. A failure is
        raised again, without another fetch, for FAILURE_KEPT_SECONDS.
        """
        ...

    def forget(self, refused: Headers) -> bool:
        """The provider answered 401 to these headers: they are not used again; others that have come since stay.

        Return whether the same request may go better with what `headers` returns next, `ready` awaited if need be.
        """
        ...
