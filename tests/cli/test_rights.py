"""Which rights are asked for, and what is said of those that are missing or may not be asked about."""

from fairlead_operator.cli.diagnosis import Level, Unread
from fairlead_operator.cli.rights import Question, Right, check_rights, operator_questions, user_questions

LIST = Right("fairlead.dev", "modelproviders", "list", "team")
FORWARD = Right("", "pods/portforward", "create", "ai")
QUESTION = Question("your rights", (LIST, FORWARD), Level.WARN, "ask for them")


def test_all_granted_is_well() -> None:
    found = check_rights(QUESTION, {LIST: True, FORWARD: True})
    assert (found.level, found.why, found.remedy) == (Level.OK, "all 2 are granted", "")


def test_what_is_missing_is_named_with_the_remedy() -> None:
    found = check_rights(QUESTION, {LIST: False, FORWARD: True})
    assert (found.level, found.why, found.remedy) == (
        Level.WARN,
        "missing: list modelproviders.fairlead.dev",
        "ask for them",
    )


def test_what_may_not_be_asked_is_unknown_unless_something_is_missing_for_certain() -> None:
    unread = Unread("you may not ask")
    assert check_rights(QUESTION, {LIST: True, FORWARD: unread}).level is Level.UNKNOWN
    assert check_rights(QUESTION, {LIST: False, FORWARD: unread}).level is Level.WARN


def test_a_right_is_asked_for_as_the_api_server_writes_it() -> None:
    assert FORWARD.attributes() == {
        "group": "",
        "resource": "pods",
        "subresource": "portforward",
        "verb": "create",
        "namespace": "ai",
    }
    assert "namespace" not in Right("", "namespaces", "list").attributes()


def test_a_user_of_every_namespace_is_asked_about_with_none() -> None:
    [own, trace] = user_questions(None, [("ai", "main")])
    assert {right.namespace for right in own.rights} == {""}
    assert (own.level, trace.level) == (Level.FAIL, Level.WARN)
    assert {right.namespace for right in trace.rights} == {"ai"}


def test_of_secrets_only_the_one_that_a_trace_needs_is_asked_for() -> None:
    [_, trace] = user_questions(None, [("ai", "main")])
    [secret] = [right for right in trace.rights if right.resource == "secrets"]
    assert secret.attributes() | {"verb": ""} == {
        "group": "",
        "resource": "secrets",
        "verb": "",
        "namespace": "ai",
        "name": "main-debug-token",
    }
    assert secret.text == "get secrets/main-debug-token"


def test_the_operator_is_asked_about_everywhere_at_home_and_at_each_gateway() -> None:
    everywhere, home, gateway = operator_questions("ops", ["ai"])
    assert Right("fairlead.dev", "routepolicies/status", "patch") in everywhere.rights
    assert Right("coordination.k8s.io", "leases", "update", "ops") in home.rights
    assert Right("", "secrets", "create", "ai") in gateway.rights
    assert not [right for right in everywhere.rights if right.resource == "secrets"]
