"""The rules of ModelGateway.spec.telemetry over several fields: a NetworkPolicy's peers, as API servers take them."""

import re
from functools import partial
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from fairlead_operator.resources.meta import LabelSelector
from fairlead_operator.resources.rule import Rule
from fairlead_operator.resources.telemetry import AddressBlock, ScrapePeer

_PREFIX = "[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_LONGEST_PREFIX = 253
_NAME = f"^({_PREFIX}/)?[A-Za-z0-9]([-A-Za-z0-9_.]{{0,61}}[A-Za-z0-9])?$"
_VALUE = "^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$"
"""Of a name that no label can have, our other selectors select nothing; in a NetworkPolicy it is refused.
Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
"""


def _outside(block: AddressBlock) -> list[str]:
    """Return the exceptions that are no true part of a block."""
    whole = ip_network(block.cidr)
    return [each for each in block.except_ if not _is_part(ip_network(each), whole)]


def _is_part(network: IPv4Network | IPv6Network, whole: IPv4Network | IPv6Network) -> bool:
    same_family = network.version == whole.version
    return same_family and network.prefixlen > whole.prefixlen and network.network_address in whole


def _no_labels(peer: ScrapePeer, *, attribute: str) -> list[str]:
    """Return the names and values of a selector that no label can have."""
    selector: LabelSelector | None = getattr(peer, attribute)
    if selector is None:
        return []
    names = [*selector.match_labels, *(each.key for each in selector.match_expressions)]
    values = [*selector.match_labels.values(), *(value for each in selector.match_expressions for value in each.values)]
    return [
        *(name for name in names if not re.fullmatch(_NAME, name) or name.find("/") > _LONGEST_PREFIX),
        *(value for value in values if not re.fullmatch(_VALUE, value)),
    ]


def _labels_in_cel(field: str) -> str:
    def is_name(text: str) -> str:
        return f"{text}.matches('{_NAME}') && {text}.indexOf('/') <= {_LONGEST_PREFIX}"

    labels, expressions = f"self.{field}.matchLabels", f"self.{field}.matchExpressions"
    return (
        f"!has(self.{field}) || ((!has({labels}) || {labels}.all(name, {is_name('name')} && "
        f"{labels}[name].matches('{_VALUE}'))) && (!has({expressions}) || {expressions}.all(each, "
        f"{is_name('each.key')} && (!has(each.values) || each.values.all(value, value.matches('{_VALUE}'))))))"
    )


TELEMETRY_RULES: tuple[Rule[Any], ...] = (
    Rule(
        ScrapePeer,
        "",
        "names nobody; give namespaceSelector, podSelector or both, or ipBlock",
        lambda peer: peer.namespace_selector is None and peer.pod_selector is None and peer.ip_block is None,
        "has(self.namespaceSelector) || has(self.podSelector) || has(self.ipBlock)",
    ),
    Rule(
        ScrapePeer,
        "ipBlock",
        "stands alone; make an entry of its own of it, or remove it",
        lambda peer: peer.ip_block is not None and (peer.namespace_selector or peer.pod_selector) is not None,
        "!has(self.ipBlock) || !(has(self.namespaceSelector) || has(self.podSelector))",
    ),
    Rule(
        AddressBlock,
        "except",
        "must lie within cidr, and be smaller than it",
        _outside,
        "!has(self.except) || !isCIDR(self.cidr) || self.except.all(each, !isCIDR(each) || "
        "(cidr(self.cidr).containsCIDR(each) && cidr(each).prefixLength() > cidr(self.cidr).prefixLength()))",
    ),
    *(
        Rule(
            ScrapePeer,
            field,
            "no label has such a name or value; write letters, digits and . _ -, with a letter or digit at either end",
            partial(_no_labels, attribute=attribute),
            _labels_in_cel(field),
        )
        for attribute, field in (("namespace_selector", "namespaceSelector"), ("pod_selector", "podSelector"))
    ),
)
