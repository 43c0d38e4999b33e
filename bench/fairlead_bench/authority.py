"""A certificate authority for one run, and a certificate for 127.0.0.1 that it signed."""

from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True, slots=True)
class Authority:
    """PEM files."""

    ca: Path
    certificate: Path
    key: Path


def make_authority(directory: Path) -> Authority:
    made = Authority(directory / "ca.pem", directory / "certificate.pem", directory / "key.pem")
    authority = trustme.CA()
    leaf = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(made.ca)
    leaf.private_key_pem.write_to_path(made.key)
    for number, blob in enumerate(leaf.cert_chain_pems):
        blob.write_to_path(made.certificate, append=number > 0)
    return made
