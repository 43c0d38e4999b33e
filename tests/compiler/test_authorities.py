"""What becomes of the bundle of certificates that an endpoint's `caRef` names."""

import pytest
import trustme

from fairlead_operator.compiler.authorities import BUNDLE_BYTES, find_authorities
from fairlead_operator.inventory import Inventory, SecretData
from fairlead_operator.verdict import Reason, Ruling

ONE, OTHER = (trustme.CA(organization_name=name).cert_pem.bytes() for name in ("one", "other"))
PRIVATE = b"-----BEGIN PRIVATE " + b"KEY-----\nY2FuYXJ5LWtleQ==\n-----END PRIVATE " + b"KEY-----\n"


def read(bundle: bytes) -> str | Ruling:
    secret = SecretData("team", "authorities", {}, {"ca.crt": bundle})
    inventory = Inventory.of([], namespaces={"team": {}}, secrets=[secret], readable=["team"])
    return find_authorities(inventory, "team", "authorities/ca.crt", "ops:operator")


def refusal(bundle: bytes) -> str:
    ruling = read(bundle)
    assert isinstance(ruling, Ruling)
    assert ruling.reason is Reason.SECRET_KEY_MISSING
    return ruling.message


def test_every_certificate_of_a_bundle_is_taken_in_its_order() -> None:
    assert read(ONE + OTHER) == (ONE + OTHER).decode()


def test_a_certificate_that_stands_twice_is_taken_once() -> None:
    assert read(ONE + OTHER + ONE) == read(ONE + OTHER)


@pytest.mark.parametrize(
    "bundle",
    [
        ONE.replace(b"\n", b"\r\n"),
        b"  Words of someone, \xc3\xbc included:\n\n" + ONE + b"\n\n",
        ONE.replace(b"\n", b"\n\t"),
        ONE.rstrip(b"\n"),
    ],
    ids=["line ends", "words", "indented", "no last line end"],
)
def test_another_layout_of_a_bundle_is_no_change(bundle: bytes) -> None:
    assert read(bundle) == read(ONE)


def test_a_private_key_beside_the_certificates_goes_nowhere() -> None:
    assert read(PRIVATE + ONE) == ONE.decode()


def test_a_private_key_alone_is_no_certificate_and_is_not_shown() -> None:
    message = refusal(PRIVATE)
    assert "the key ca.crt of the Secret authorities holds no PEM certificate" in message
    assert "Y2FuYXJ5" not in message


@pytest.mark.parametrize(
    "bundle",
    [ONE + OTHER[: len(OTHER) // 2], ONE + OTHER.replace(b"M", b"*"), ONE.replace(b"\nMII", b"\nMIJ"), ONE[:200] + ONE],
    ids=["cut off", "not base64", "not a certificate", "begun twice"],
)
def test_one_certificate_that_cannot_be_read_spoils_the_bundle(bundle: bytes) -> None:
    assert "holds a certificate that cannot be read; put whole PEM certificates there" in refusal(bundle)


def test_a_bundle_beyond_all_measure_is_refused() -> None:
    assert "holds more than 256 KiB" in refusal(ONE + b"#" * BUNDLE_BYTES)
