"""Where upstream connections may go: decided on the final address, and enforced where the socket is made.

EgressRefused (an OSError, so that it ends a connection attempt as any other failure does)
"""

import errno
import socket
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from fairlead_proxy.contract.config import Egress

Address = IPv4Address | IPv6Address
SocketAddress = tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]
AddressInfo = tuple[int, int, int, str, SocketAddress]


class Kind(StrEnum):
    """What an address is, as far as egress is concerned."""

    PUBLIC = "public"
    METADATA = "metadata"
    LOOPBACK = "loopback"
    PRIVATE = "private"
    LINK_LOCAL = "link-local"
    UNSPECIFIED = "unspecified"
    MULTICAST = "multicast"
    TRANSLATED = "IPv4-embedding"
    RESERVED = "reserved"


class RefusalReason(StrEnum):
    METADATA = "Metadata"
    ADDRESS = "Address"
    PLAIN_HTTP = "PlainHttp"
    HOST = "Host"


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a connection is not made. The message names no address: what a name resolves to is not for everybody."""

    reason: RefusalReason
    message: str


class EgressRefused(OSError):
    """Raised by the guard in place of a socket."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(errno.EACCES, refused.message)
        self.refused = refused


METADATA_ADDRESSES: frozenset[Address] = frozenset(
    ip_address(text)
    for text in (
        "169.254.169.254",  # AWS, Azure, GCP, Oracle, DigitalOcean, OpenStack
        "fd00:ec2::254",  # AWS, IPv6
        "fd20:ce::254",  # GCP, IPv6
        "169.254.170.2",  # AWS ECS task credentials
        "169.254.170.23",  # AWS EKS pod identity
        "fd00:ec2::23",  # AWS EKS pod identity, IPv6
        "100.100.100.200",  # Alibaba
        "168.63.129.16",  # Azure platform
        "192.0.0.192",  # Oracle classic
    )
)

_NAT64 = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"))
_COMPATIBLE = ip_network("::/96")
_ISATAP_MARKS = frozenset({0x00005EFE, 0x02005EFE})
_SHARED = ip_network("100.64.0.0/10")
_THIS_NETWORK = ip_network("0.0.0.0/8")
_BROADCAST = IPv4Address("255.255.255.255")
_LIFTED = frozenset({Kind.LOOPBACK, Kind.PRIVATE})
"""What `denyPrivateRanges: false` admits."""


def may_connect(egress: Egress, provider_namespace: str, host: str, address: Address, *, scheme: str) -> Refused | None:
    """Return None if a provider of this namespace may connect to this address, which `host` has resolved to.

    Design, sections 6 and 11: metadata never; a listed network for its namespaces, by any name; loopback and private
    ranges where they are not denied; else public addresses only, by https only. An address that embeds an IPv4 one is
    judged by both.
    """
    embedded = embedded_ipv4(address)
    if METADATA_ADDRESSES & {address, embedded}:
        return Refused(RefusalReason.METADATA, f"{host} is a metadata address, which is never reached")
    if _admitted_by_list(egress, provider_namespace, address, embedded):
        return None
    if not egress.deny_private_ranges and _admitted_without_denial(address, embedded):
        return refuse_host(egress, host)
    kind = kind_of(address)
    if kind is not Kind.PUBLIC:
        return Refused(
            RefusalReason.ADDRESS,
            f"{host} is at an address of kind {kind}, which egress.allowCIDRs does not list for providers of the "
            f"namespace {provider_namespace}",
        )
    if scheme != "https":
        return Refused(RefusalReason.PLAIN_HTTP, f"{host} is at a public address, where only https is spoken")
    return refuse_host(egress, host)


def kind_of(address: Address) -> Kind:
    """Return what an address is. Written out, since `is_global` says yes to NAT64 and differs between versions."""
    if address in METADATA_ADDRESSES:
        return Kind.METADATA
    if embedded_ipv4(address) is not None:
        return Kind.TRANSLATED
    if address.is_unspecified:
        return Kind.UNSPECIFIED
    if address.is_loopback:
        return Kind.LOOPBACK
    if address.is_link_local:
        return Kind.LINK_LOCAL
    if address.is_multicast:
        return Kind.MULTICAST
    if address in _THIS_NETWORK or address == _BROADCAST:
        return Kind.RESERVED
    if address.is_private or address in _SHARED:
        return Kind.PRIVATE
    if address.is_reserved or not address.is_global or (isinstance(address, IPv6Address) and address.is_site_local):
        return Kind.RESERVED
    return Kind.PUBLIC


def embedded_ipv4(address: Address) -> IPv4Address | None:
    """Return the IPv4 address that an IPv6 one leads to: mapped, compatible, NAT64, 6to4, Teredo or ISATAP."""
    if isinstance(address, IPv4Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    number = int(address)
    if any(address in network for network in _NAT64) or (address in _COMPATIBLE and number > 1):
        return IPv4Address(number & 0xFFFFFFFF)
    if (number >> 32) & 0xFFFFFFFF in _ISATAP_MARKS:
        return IPv4Address(number & 0xFFFFFFFF)
    return None


def host_matches(pattern: str, host: str) -> bool:
    """Say whether a host is the pattern's, or below `*.domain`; a domain is not below itself."""
    host = host.rstrip(".").lower()
    pattern = pattern.lower()
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern


def refuse_host(egress: Egress, host: str) -> Refused | None:
    """Return None if `egress.allowHosts` admits a host, or names none."""
    if egress.allow_hosts is None or any(host_matches(pattern, host) for pattern in egress.allow_hosts):
        return None
    return Refused(RefusalReason.HOST, f"egress.allowHosts does not list {host}")


@dataclass(frozen=True, slots=True)
class EgressGuard:
    """Makes the sockets of one connection pool: of one namespace's providers, one scheme and one host.

    Since every socket of the pool has passed the same rules for the same host, a connection taken from it has too.
    """

    egress: Egress
    namespace: str
    scheme: str
    host: str

    def make_socket(self, info: AddressInfo) -> socket.socket:
        """Return a socket for an address that may be reached; raise EgressRefused."""
        family, kind, protocol, _, destination = info
        refused = self._judge(destination[0])
        if refused is not None:
            raise EgressRefused(refused)
        made = socket.socket(family, kind, protocol)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return made

    def _judge(self, text: str | int) -> Refused | None:
        try:
            address = ip_address(str(text))
        except ValueError:
            return Refused(RefusalReason.ADDRESS, f"{self.host} is not at an IP address")
        if isinstance(address, IPv6Address) and address.scope_id is not None:
            address = IPv6Address(int(address))
        return may_connect(self.egress, self.namespace, self.host, address, scheme=self.scheme)


def _admitted_by_list(egress: Egress, namespace: str, address: Address, embedded: IPv4Address | None) -> bool:
    """A listed network admits what embeds a public address, but no private one that is not listed itself."""
    if embedded is None:
        return _listed(egress, namespace, address)
    return _listed(egress, namespace, embedded) or (
        kind_of(embedded) is Kind.PUBLIC and _listed(egress, namespace, address)
    )


def _listed(egress: Egress, namespace: str, address: Address) -> bool:
    return any(namespace in allowed.namespaces and _holds(allowed.cidr, address) for allowed in egress.allow_networks)


def _holds(cidr: str, address: Address) -> bool:
    try:
        return address in ip_network(cidr, strict=False)
    except ValueError:  # the compiler refuses it; a network that nobody understands admits nothing
        return False


def _admitted_without_denial(address: Address, embedded: IPv4Address | None) -> bool:
    mapped = isinstance(address, IPv6Address) and address.ipv4_mapped is not None
    return kind_of(embedded if mapped and embedded else address) in _LIFTED
