"""What becomes of the Secrets that a gateway's listeners take their certificates from."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from doubles.compiled import read_inventory

from fairlead_operator.compiler.compile import Compilation, compile_inventory, secret_namespaces
from fairlead_operator.inventory import Inventory, SecretData
from fairlead_operator.resources.meta import Kind, ObjectRef
from fairlead_operator.verdict import Reason, Truth, Verdict
from fairlead_proxy.contract.keys import Certificate

GATEWAY = """
apiVersion: fairlead.dev/v1alpha1
kind: ModelGateway
metadata: {name: main, namespace: ai}
spec:
  listeners:
  - {name: http, port: 8080}
  - {name: https, port: 8443, tls: {secretName: gw-tls}}
"""
REF = ObjectRef(Kind.MODEL_GATEWAY, "ai", "main")
AUTHORITY = trustme.CA()
ENDS = datetime(2051, 2, 3, 4, 5, 6, tzinfo=UTC)
ONE, OTHER = (AUTHORITY.issue_cert("gateway.example", not_after=ENDS) for _ in range(2))
CHAIN = b"".join(part.bytes() for part in ONE.cert_chain_pems)
KEY = ONE.private_key_pem.bytes()
PASSWORD = BestAvailableEncryption(b"a password")
ENCRYPTED = load_pem_private_key(KEY, None).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, PASSWORD)


def inventory(data: dict[str, bytes] | None, *, readable: bool = True) -> Inventory:
    secrets = {} if data is None else {("ai", "gw-tls"): SecretData("ai", "gw-tls", {}, data)}
    return replace(read_inventory(GATEWAY), secrets=secrets, readable=frozenset({"ai"} if readable else ()))


def compiled(data: dict[str, bytes] | None, *, readable: bool = True) -> Compilation:
    return compile_inventory(inventory(data, readable=readable))


def verdict(data: dict[str, bytes] | None, *, readable: bool = True) -> Verdict:
    return compiled(data, readable=readable).verdicts[REF]


def test_the_key_ring_holds_what_the_listener_shows_and_the_snapshot_its_name_only() -> None:
    gateway = compiled({"tls.crt": CHAIN, "tls.key": KEY}).gateways["ai/main"]
    pair = Certificate(chain=CHAIN.decode().rstrip("\n"), key=KEY.decode().rstrip("\n"), expires_at=ENDS.timestamp())
    assert gateway.keys.certificates == {"https": pair}
    assert verdict({"tls.crt": CHAIN, "tls.key": KEY}).resolved_refs.truth is Truth.TRUE
    (fragment,) = gateway.fragments
    assert b"gw-tls" in fragment.body
    assert b"PRIVATE" not in fragment.body


def test_neither_repr_shows_the_private_key() -> None:
    keys = compiled({"tls.crt": CHAIN, "tls.key": KEY}).gateways["ai/main"].keys
    assert "PRIVATE" not in f"{keys!r} {keys.certificates['https']!r}"


def test_the_namespace_of_a_listeners_secret_is_read() -> None:
    assert "ai" in secret_namespaces(inventory(None))


@pytest.mark.parametrize(
    ("data", "reason", "says"),
    [
        (None, Reason.SECRET_NOT_FOUND, "the Secret gw-tls does not exist in the namespace ai"),
        ({"tls.key": KEY}, Reason.SECRET_KEY_MISSING, "the Secret gw-tls has no data under the key tls.crt; put the"),
        ({"tls.crt": CHAIN}, Reason.SECRET_KEY_MISSING, "the Secret gw-tls has no data under the key tls.key; put the"),
        (
            {"tls.crt": CHAIN, "tls.key": OTHER.private_key_pem.bytes()},
            Reason.SECRET_KEY_MISSING,
            "the Secret gw-tls: tls.key does not belong to the first certificate of tls.crt; put both there as they",
        ),
        ({"tls.crt": CHAIN, "tls.key": ENCRYPTED}, Reason.SECRET_KEY_MISSING, "tls.key is encrypted; put the private"),
        ({"tls.crt": CHAIN, "tls.key": b"hidden"}, Reason.SECRET_KEY_MISSING, "tls.key is no private key that can be"),
        ({"tls.crt": b"hidden", "tls.key": KEY}, Reason.SECRET_KEY_MISSING, "tls.crt is no chain of PEM certificates"),
        ({"tls.crt": KEY, "tls.key": CHAIN}, Reason.SECRET_KEY_MISSING, "tls.crt is no chain of PEM certificates"),
        ({"tls.crt": b"\xff" + CHAIN, "tls.key": KEY}, Reason.SECRET_KEY_MISSING, "tls.crt is no chain of PEM"),
    ],
)
def test_what_is_no_pair_is_told_with_its_field_and_never_quoted(
    data: dict[str, bytes] | None, reason: Reason, says: str
) -> None:
    ruling = verdict(data).resolved_refs
    assert (ruling.truth, ruling.reason) == (Truth.FALSE, reason)
    assert ruling.message.startswith("spec.listeners[1].tls.secretName: ")
    assert says in ruling.message
    assert "hidden" not in ruling.message
    assert compiled(data).gateways["ai/main"].keys.certificates == {}


def test_secrets_that_may_not_be_read_are_told_with_the_command_that_permits_it() -> None:
    ruling = verdict({"tls.crt": CHAIN, "tls.key": KEY}, readable=False).resolved_refs
    assert ruling.reason is Reason.SECRET_NOT_PERMITTED
    assert "kubectl create rolebinding" in ruling.message


def test_a_gateway_that_is_invalid_now_goes_on_with_the_certificate_of_its_last_good_version() -> None:
    pair = {"tls.crt": CHAIN, "tls.key": KEY}
    good = compiled(pair).gateways["ai/main"].fragments
    broken = replace(
        read_inventory(GATEWAY.replace("port: 8080", "port: 0")),
        secrets=inventory(pair).secrets,
        readable=frozenset({"ai"}),
    )
    compilation = compile_inventory(broken, {"ai/main": {each.key: each for each in good}})
    assert list(compilation.gateways["ai/main"].keys.certificates) == ["https"]
