"""A provider's type chooses its transport."""

from fairlead_proxy.contract.config import Egress, Provider
from fairlead_proxy.contract.names import ProviderType
from fairlead_proxy.upstream.http_transport import HttpTransport
from fairlead_proxy.upstream.simulated_transport import SimulatedTransport
from fairlead_proxy.upstream.transports import Transports


async def test_only_simulated_providers_stay_within_the_process() -> None:
    transports = Transports(Egress)
    chosen = {kind: type(transports.for_provider(Provider(id="a/b", type=kind))) for kind in ProviderType}
    await transports.close()
    simulated = {kind for kind, transport in chosen.items() if transport is SimulatedTransport}
    assert simulated == {ProviderType.SIMULATED}
    assert {chosen[kind] for kind in ProviderType if kind not in simulated} == {HttpTransport}
