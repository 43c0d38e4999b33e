"""What the compiler says of a gateway's ledger: that it has a store, and that the address of its database is there."""

from dataclasses import replace

import pytest
from doubles.compiled import read_inventory

from fairlead_operator.compiler.compile import compile_inventory, secret_namespaces
from fairlead_operator.compiler.gateways import NO_STORE
from fairlead_operator.inventory import Inventory, SecretData
from fairlead_operator.resources.meta import Kind, ObjectRef
from fairlead_operator.verdict import Reason, Truth, Verdict

GATEWAY = """
apiVersion: fairlead.dev/v1alpha1
kind: ModelGateway
metadata: {name: main, namespace: ai}
spec: {ledger: %s}
"""
REF = ObjectRef(Kind.MODEL_GATEWAY, "ai", "main")
POSTGRES = "{postgres: {secretRef: {name: db, key: url}}}"


def inventory(ledger: str, *, data: dict[str, bytes] | None = None, cluster: bool = True) -> Inventory:
    secrets = {} if data is None else {("ai", "db"): SecretData("ai", "db", {}, data)}
    made = read_inventory(GATEWAY % ledger)
    return replace(made, secrets=secrets, readable=frozenset({"ai"}), keeps_ledger=not cluster)


def verdict(given: Inventory) -> Verdict:
    return compile_inventory(given).verdicts[REF]


def test_ledger_without_a_store_is_refused_in_a_cluster() -> None:
    accepted = verdict(inventory("{retention: 720h}")).accepted
    assert (accepted.truth, accepted.reason, accepted.message) == (Truth.FALSE, Reason.INVALID, NO_STORE)


def test_ledger_without_a_store_is_accepted_where_sqlite_keeps_it() -> None:
    assert verdict(inventory("{retention: 720h}", cluster=False)).accepted.truth is Truth.TRUE


def test_gateway_without_a_store_goes_on_as_it_was() -> None:
    good = compile_inventory(inventory("{jsonLines: {}}")).gateways["ai/main"].fragments
    compilation = compile_inventory(inventory("{}"), {"ai/main": {each.key: each for each in good}})
    assert compilation.gateways["ai/main"].fragments == good
    assert compilation.gateways["ai/main"].spec is None


def test_address_of_a_database_that_is_there_resolves() -> None:
    given = inventory(POSTGRES, data={"url": b"postgres://u:p@db/ledger\n"})
    assert verdict(given).resolved_refs.truth is Truth.TRUE


@pytest.mark.parametrize(
    ("data", "reason", "says"),
    [
        (None, Reason.SECRET_NOT_FOUND, "the Secret db does not exist in the namespace ai"),
        ({"dsn": b"postgres://db"}, Reason.SECRET_KEY_MISSING, "the Secret db has no data under the key url"),
        ({"url": b"mysql://u:hidden@db"}, Reason.SECRET_KEY_MISSING, "the key url of the Secret db holds something"),
    ],
)
def test_address_of_a_database_that_is_not_there_is_told_and_the_fleet_serves(
    data: dict[str, bytes] | None, reason: Reason, says: str
) -> None:
    given = inventory(POSTGRES, data=data)
    compilation = compile_inventory(given)
    resolved = compilation.verdicts[REF].resolved_refs
    assert (resolved.truth, resolved.reason) == (Truth.FALSE, reason)
    assert resolved.message.startswith(f"spec.ledger.postgres.secretRef: {says}")
    assert "postgres://USER:PASSWORD@HOST" in resolved.message or reason is Reason.SECRET_NOT_FOUND
    assert "hidden" not in resolved.message
    assert compilation.gateways["ai/main"].spec is not None


def test_secrets_of_the_gateways_namespace_matter_for_a_database_and_only_then() -> None:
    assert secret_namespaces(inventory(POSTGRES)) == {"ai"}
    assert secret_namespaces(inventory("{jsonLines: {}}")) == frozenset()


def test_ledger_changes_nothing_of_what_proxies_load() -> None:
    revisions = {
        compile_inventory(inventory(each)).gateways["ai/main"].revision
        for each in ("{jsonLines: {}}", POSTGRES, "{jsonLines: {}, retention: 24h}")
    }
    assert len(revisions) == 1
