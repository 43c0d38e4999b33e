"""Which transport serves a provider: the network, or the simulation within this process."""

from collections.abc import Callable
from ssl import SSLContext

from fairlead_proxy.contract.config import Egress, Provider
from fairlead_proxy.contract.names import ProviderType
from fairlead_proxy.upstream.http_transport import HttpTransport
from fairlead_proxy.upstream.simulated_transport import SimulatedTransport
from fairlead_proxy.upstream.transport import Transport


class Transports:
    """The transports of a process. `egress` returns the rules now in force; it is asked for each call."""

    def __init__(self, egress: Callable[[], Egress], *, tls: SSLContext | None = None) -> None:
        self._http = HttpTransport(egress, tls=tls)
        self._simulated = SimulatedTransport()

    def for_provider(self, provider: Provider) -> Transport:
        return self._simulated if provider.type is ProviderType.SIMULATED else self._http

    @property
    def network(self) -> Transport:
        """The one that goes out, for what is fetched on the way to a call."""
        return self._http

    async def close(self) -> None:
        """Close every connection."""
        await self._http.close()
        await self._simulated.close()
