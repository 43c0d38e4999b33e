"""Urls that a tenant may write to get where it must not: where each one leads, and who is the first to refuse it."""

from dataclasses import dataclass
from enum import StrEnum


class RefusedBy(StrEnum):
    """OPERATOR: the object is not accepted, and no proxy ever hears of the url. GUARD: only where it connects."""

    OPERATOR = "operator"
    GUARD = "guard"


@dataclass(frozen=True)
class Bad:
    """`{port}` stands for the port of a listener on loopback. `leads_to`: an address, empty where there is none."""

    url: str
    leads_to: str
    by: RefusedBy


OPERATOR, GUARD = RefusedBy.OPERATOR, RefusedBy.GUARD
LOOPBACK = "127.0.0.1"
METADATA = "169.254.169.254"
IN_CLUSTER = {
    "kubernetes": "10.96.0.1",
    "kubernetes.default": "10.96.0.1",
    "kubernetes.default.svc": "10.96.0.1",
    "kubernetes.default.svc.cluster.local.": "10.96.0.1",
    "postgres.billing.svc.cluster.local": "10.244.3.7",
    "metadata.google.internal": METADATA,
    "metadata.google.internal.": METADATA,
    "instance-data": METADATA,
    "localhost": LOOPBACK,
    "localhost.": LOOPBACK,
    "localhost.localdomain": LOOPBACK,
    "ip6-localhost": "::1",
    "host.docker.internal": "172.17.0.1",
    "127.0.0.1.nip.io": LOOPBACK,
    "api.openai.com.attacker.example": LOOPBACK,
    "xn--lcalhost-n4a.example": LOOPBACK,
}
"""What the resolver of a cluster would say, or that of whoever owns a name."""

BAD_URLS = (
    Bad("http://127.0.0.1:{port}/v1", LOOPBACK, GUARD),
    Bad("https://127.0.0.1:{port}/v1", LOOPBACK, GUARD),
    Bad("https://127.255.255.254/v1", "127.255.255.254", GUARD),
    Bad("http://127.0.0.1.:{port}/v1", LOOPBACK, GUARD),
    Bad("http://127.1:{port}/v1", LOOPBACK, GUARD),
    Bad("http://127.0.1:{port}/v1", LOOPBACK, GUARD),
    Bad("http://2130706433:{port}/v1", LOOPBACK, GUARD),
    Bad("http://0x7f000001:{port}/v1", LOOPBACK, GUARD),
    Bad("http://0x7f.0x0.0x0.0x1:{port}/v1", LOOPBACK, GUARD),
    Bad("http://0177.0.0.1:{port}/v1", LOOPBACK, GUARD),
    Bad("http://0177.0.0.01:{port}/v1", LOOPBACK, GUARD),
    Bad("http://017700000001:{port}/v1", LOOPBACK, GUARD),
    Bad("http://0:{port}/v1", "0.0.0.0", GUARD),
    Bad("http://0.0.0.0:{port}/v1", "0.0.0.0", GUARD),
    Bad("https://0.1.2.3/v1", "0.1.2.3", GUARD),
    Bad("http://①②⑦.0.0.1:{port}/v1", LOOPBACK, OPERATOR),
    Bad("http://１２７.0.0.1:{port}/v1", LOOPBACK, OPERATOR),
    Bad("http://127。0。0。1:{port}/v1", LOOPBACK, OPERATOR),
    Bad("http://١٢٧.0.0.1:{port}/v1", "", OPERATOR),
    Bad("http://%31%32%37.0.0.1:{port}/v1", LOOPBACK, OPERATOR),
    Bad("http://[::1]:{port}/v1", "::1", GUARD),
    Bad("http://[::]:{port}/v1", "::", GUARD),
    Bad("http://[0:0:0:0:0:0:0:1]:{port}/v1", "::1", GUARD),
    Bad("http://[::ffff:127.0.0.1]:{port}/v1", "::ffff:127.0.0.1", GUARD),
    Bad("http://[::ffff:7f00:1]:{port}/v1", "::ffff:127.0.0.1", GUARD),
    Bad("http://[::127.0.0.1]:{port}/v1", "::7f00:1", GUARD),
    Bad("http://[::1%25lo]:{port}/v1", "::1%lo", OPERATOR),
    Bad("http://[::1%lo]:{port}/v1", "::1%lo", OPERATOR),
    Bad("https://[fe80::1%25eth0]/v1", "fe80::1%eth0", OPERATOR),
    Bad("https://[64:ff9b::7f00:1]/v1", "64:ff9b::7f00:1", GUARD),
    Bad("https://[64:ff9b::169.254.169.254]/v1", "64:ff9b::a9fe:a9fe", GUARD),
    Bad("https://[64:ff9b::8.8.8.8]/v1", "64:ff9b::808:808", GUARD),
    Bad("https://[64:ff9b:1::a00:1]/v1", "64:ff9b:1::a00:1", GUARD),
    Bad("https://[2002:7f00:1::]/v1", "2002:7f00:1::", GUARD),
    Bad("https://[2002:a9fe:a9fe::1]/v1", "2002:a9fe:a9fe::1", GUARD),
    Bad("https://[2001:0:808:808::f5ff:fffe]/v1", "2001:0:808:808::f5ff:fffe", GUARD),
    Bad("http://169.254.169.254/latest/meta-data", METADATA, GUARD),
    Bad("https://169.254.169.254/latest/meta-data", METADATA, GUARD),
    Bad("http://2852039166/latest/meta-data", METADATA, GUARD),
    Bad("http://0xa9fea9fe/latest/meta-data", METADATA, GUARD),
    Bad("http://[::ffff:169.254.169.254]/latest/meta-data", "::ffff:169.254.169.254", GUARD),
    Bad("https://[fd00:ec2::254]/latest/meta-data", "fd00:ec2::254", GUARD),
    Bad("https://169.254.170.2/v2/credentials", "169.254.170.2", GUARD),
    Bad("https://100.100.100.200/latest", "100.100.100.200", GUARD),
    Bad("https://168.63.129.16/machine", "168.63.129.16", GUARD),
    Bad("https://10.96.0.1/api", "10.96.0.1", GUARD),
    Bad("https://172.16.0.1/v1", "172.16.0.1", GUARD),
    Bad("https://192.168.1.1/v1", "192.168.1.1", GUARD),
    Bad("https://100.64.0.1/v1", "100.64.0.1", GUARD),
    Bad("https://224.0.0.1/v1", "224.0.0.1", GUARD),
    Bad("https://255.255.255.255/v1", "255.255.255.255", GUARD),
    Bad("https://[fc00::1]/v1", "fc00::1", GUARD),
    Bad("https://[fec0::1]/v1", "fec0::1", GUARD),
    Bad("https://[ff02::1]/v1", "ff02::1", GUARD),
    *(Bad(f"https://{name}:{{port}}/v1", address, GUARD) for name, address in IN_CLUSTER.items()),
    Bad("http://LOCALHOST:{port}/v1", LOOPBACK, GUARD),
    Bad("http://api.openai.com@127.0.0.1:{port}/v1", "", OPERATOR),
    Bad("http://a:b@127.0.0.1:{port}/v1", "", OPERATOR),
    Bad("https://api.openai.com:443@127.0.0.1:{port}/v1", "", OPERATOR),
    Bad("http://127.0.0.1:{port}/#@api.openai.com", "", OPERATOR),
    Bad("http://127.0.0.1:{port}#.api.openai.com", "", OPERATOR),
    Bad("http://127.0.0.1:{port}?.api.openai.com", "", OPERATOR),
    Bad("http://127.0.0.1:{port}\\@api.openai.com/v1", "", OPERATOR),
    Bad("https://api.openai.com\\@127.0.0.1:{port}/v1", "", OPERATOR),
    Bad("http:\\\\127.0.0.1:{port}/v1", "", OPERATOR),
    Bad("http:///127.0.0.1:{port}/v1", "", OPERATOR),
    Bad("http:127.0.0.1:{port}/v1", "", OPERATOR),
    Bad("//127.0.0.1:{port}/v1", "", OPERATOR),
    Bad("http://127.0.0.1\t:{port}/v1", "", OPERATOR),
    Bad("http://127.0.0.1:{port}/v1\r\nhost: api.openai.com", "", OPERATOR),
    Bad("http://127.0.0.1:{port}:443/v1", "", OPERATOR),
    Bad("http://[::1]:{port}]/v1", "", OPERATOR),
    Bad("file:///etc/passwd", "", OPERATOR),
    Bad("gopher://127.0.0.1:{port}/_x", "", OPERATOR),
    Bad("ftp://127.0.0.1:{port}/", "", OPERATOR),
    Bad("unix:///run/containerd/containerd.sock", "", OPERATOR),
    Bad("ws://127.0.0.1:{port}/v1", "", OPERATOR),
)

GOOD_URLS = {
    "https://8.8.8.8/v1": "8.8.8.8",
    "https://134744072/v1": "8.8.8.8",
    "https://[2606:4700::1111]/v1": "2606:4700::1111",
    "https://api.openai.com/v1": "104.18.6.192",
    "https://api.openai.com./v1": "104.18.6.192",
    "https://API.OpenAI.com:443/v1": "104.18.6.192",
    "https://api.openai.com:8443/v1/": "104.18.6.192",
}
"""And where each leads."""
