"""The operator's rights: what it must never hold."""

from fairlead_operator.fleet.rbac import CLUSTER_RULES, GATEWAY_RULES, OWN_NAMESPACE_RULES


def test_no_cluster_wide_rule_touches_secrets() -> None:
    assert all("secrets" not in rule["resources"] for rule in CLUSTER_RULES)


def test_nothing_but_status_and_events_is_written_cluster_wide() -> None:
    written = {
        resource
        for rule in CLUSTER_RULES
        for resource in rule["resources"]
        if set(rule["verbs"]) - {"get", "list", "watch"}
    }
    assert written == {"modelproviders/status", "routepolicies/status", "modelgateways/status", "events"}


def test_no_rule_holds_a_wildcard() -> None:
    rules = [*CLUSTER_RULES, *GATEWAY_RULES, *OWN_NAMESPACE_RULES]
    assert all("*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]] for rule in rules)
