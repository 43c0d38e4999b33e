"""What objects are compiled against: the gateways that are honoured, who is attached, what is in force, list prices."""

from collections.abc import Mapping
from dataclasses import dataclass

from fairlead_operator.compiler.last_good import LastGood, find_last_good
from fairlead_operator.compiler.references import OpenGateway, find_gateway
from fairlead_operator.inventory import Inventory
from fairlead_operator.price_book.book import NO_PRICES, PricesNow
from fairlead_operator.resources.meta import NamespacesSelector
from fairlead_proxy.contract.config import Consumers, Policy


@dataclass(frozen=True, slots=True)
class Scope:
    """`attached`: by gateway, the namespaces that hold a policy of it, sorted. `account`: as in `find_key`."""

    inventory: Inventory
    gateways: Mapping[str, OpenGateway]
    attached: Mapping[str, tuple[str, ...]]
    last_good: LastGood
    account: str
    prices: PricesNow = NO_PRICES

    @classmethod
    def of(
        cls,
        inventory: Inventory,
        gateways: Mapping[str, OpenGateway],
        last_good: LastGood,
        account: str,
        prices: PricesNow,
    ) -> "Scope":
        attached = attached_namespaces(inventory, gateways, last_good)
        return cls(inventory, gateways, attached, last_good, account, prices)


def attached_namespaces(
    inventory: Inventory, gateways: Mapping[str, OpenGateway], last_good: LastGood
) -> dict[str, tuple[str, ...]]:
    """Return, by gateway, the admitted namespaces that hold a policy of it, written or still in force."""
    attached: dict[str, set[str]] = {gateway: set() for gateway in gateways}
    for found in inventory.policies.values():
        namespace = found.ref.namespace
        if found.spec is not None:
            wanted = [found.spec.gateway_ref.id(namespace)]
        else:
            wanted = [gateway for gateway in gateways if find_last_good(last_good, gateway, found, Policy)]
        for gateway_id in wanted:
            if find_gateway(gateways, gateway_id, namespace):
                attached[gateway_id].add(namespace)
    return {gateway: tuple(sorted(namespaces)) for gateway, namespaces in attached.items()}


class ConsumerLists:
    """The namespaces that a provider's `consumers` mean in a gateway; remembers each selector that it has resolved."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._known: dict[tuple[str, str], tuple[str, ...]] = {}

    def resolve(self, gateway_id: str, selector: NamespacesSelector) -> Consumers:
        if selector.namespace_selector is None:
            return Consumers()
        key = (gateway_id, selector.namespace_selector.model_dump_json())
        namespaces = self._known.get(key)
        if namespaces is None:
            labels = self._scope.inventory.namespaces
            attached = self._scope.attached[gateway_id]
            namespaces = tuple(name for name in attached if selector.selects(labels.get(name, {})))
            self._known[key] = namespaces
        return Consumers(namespaces=namespaces)
