"""The checks that fields of several kinds share: durations, addresses, networks."""

import ipaddress
import re
from urllib.parse import urlsplit

from fairlead_operator.resources.checks import Checked
from fairlead_operator.resources.meta import duration_seconds


def within(least: str, most: str) -> Checked:
    """A duration from `least` to `most`, both inclusive."""
    low, high = duration_seconds(least), duration_seconds(most)
    return Checked(
        cel=f"duration(self) >= duration('{least}') && duration(self) <= duration('{most}')",
        message=f"must be a duration from {least} to {most}",
        holds=lambda text: low <= duration_seconds(text) <= high,
    )


URL_PATTERN = r"^https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[!$->@-~]*)?$"


FORWARD_PROXY_PATTERN = r"^http://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?/?$"


def _is_base_url(text: str) -> bool:
    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        return False
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    return parts.hostname is not None and (port is None or port > 0)


BASE_URL = Checked(
    cel="isURL(self) && (url(self).getPort() == '' || (int(url(self).getPort()) > 0 && "
    "int(url(self).getPort()) < 65536))",
    message="must be a URL with a host and, where one is given, a port from 1 to 65535",
    holds=_is_base_url,
)


CIDR_PATTERN = r"^[0-9a-fA-F:.]+/(0|[1-9][0-9]{0,2})$"


def _is_network(text: str) -> bool:
    try:
        network = ipaddress.ip_network(text, strict=True)
    except ValueError:
        return False
    return not (isinstance(network, ipaddress.IPv6Network) and network.network_address.ipv4_mapped)


NETWORK = Checked(
    cel="isCIDR(self) && cidr(self) == cidr(self).masked()",
    message="must be a network such as 10.20.0.0/16 or fd00::/8, with no bits set behind its prefix",
    holds=_is_network,
)
