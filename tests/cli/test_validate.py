"""`fairlead validate` finds what would be wrong, with its place, and tells errors from warnings."""

import json
import textwrap
from pathlib import Path

import pytest
from doubles.command_line import invoke

SECRET_REF = """
    apiVersion: fairlead.dev/v1alpha1
    kind: ModelProvider
    metadata: {name: lab}
    spec:
      type: OpenAI
      credentials:
      - {name: main, secretRef: {name: lab, key: apiKey}}
      models: [{name: a}]
"""

PROVIDER_OF_ANOTHER = """
    apiVersion: fairlead.dev/v1alpha1
    kind: ModelGateway
    metadata: {name: main, namespace: platform}
    spec: {auth: {apiKeys: {}}, tenants: {namespaceSelector: {}}}
    ---
    apiVersion: fairlead.dev/v1alpha1
    kind: ModelProvider
    metadata: {name: shared, namespace: platform}
    spec: {type: Simulated, models: [{name: tiny}], consumers: CONSUMERS}
"""
POLICY_OF_A_TENANT = """
    apiVersion: fairlead.dev/v1alpha1
    kind: RoutePolicy
    metadata: {name: bot, namespace: team}
    spec:
      gatewayRef: {name: main, namespace: platform}
      models: [smart]
      rules:
      - name: all
        route:
          targets:
          - {provider: {name: shared, namespace: platform}, model: tiny}
"""


def write(path: Path, text: str) -> Path:
    path.write_text(textwrap.dedent(text).lstrip())
    return path


def test_good_files_are_good(source: Path) -> None:
    result = invoke("validate", "-f", source)
    assert (result.exit_code, result.stdout) == (0, "3 objects: nothing to complain about\n")


def test_a_wrong_field_is_told_with_file_line_and_remedy(source: Path) -> None:
    source.write_text(source.read_text().replace("priority: 1", "priority: -1"))
    line = next(number for number, text in enumerate(source.read_text().splitlines(), 1) if "priority: -1" in text)
    result = invoke("validate", "-f", source)
    assert result.exit_code == 1
    assert result.stdout.startswith(f"{source}:{line}: error: RoutePolicy default/policy: spec.rules[2].route.targets")
    assert result.stdout.endswith("3 objects: 1 error, 0 warnings\n")


def test_a_file_that_cannot_be_read_is_an_error_with_its_line(tmp_path: Path) -> None:
    path = write(tmp_path / "bad.yaml", "kind: Namespace\nmetadata: [\n")
    result = invoke("validate", "-f", path, "-o", "json")
    findings = json.loads(result.stdout)
    assert result.exit_code == 1
    assert [(each["severity"], each["file"], each["reason"]) for each in findings] == [("error", str(path), "Invalid")]
    assert findings[0]["line"] >= 2


def test_an_absent_provider_is_an_error_and_with_partial_a_warning(source: Path) -> None:
    source.write_text(source.read_text().replace("provider: {name: slow}", "provider: {name: gone}"))
    plain, partial = invoke("validate", "-f", source), invoke("validate", "-f", source, "--partial")
    assert (plain.exit_code, partial.exit_code) == (1, 0)
    assert ": error: RoutePolicy default/policy: " in plain.stdout
    assert ": warning: RoutePolicy default/policy: " in partial.stdout
    assert "no ModelProvider default/gone" in plain.stdout


def test_a_provider_of_another_namespace_that_does_not_consent_is_an_error_and_reads_as_absent(tmp_path: Path) -> None:
    write(tmp_path / "platform.yaml", PROVIDER_OF_ANOTHER.replace("CONSUMERS", "{}"))
    policy = write(tmp_path / "team.yaml", POLICY_OF_A_TENANT)
    refused = invoke("validate", tmp_path)
    assert (refused.exit_code, refused.stdout) == (
        1,
        f"{policy}:11: error: RoutePolicy team/bot: spec.rules[0].route.targets[0].provider: no ModelProvider "
        "platform/shared is offered to this namespace by the gateway platform/main; correct it, or ask its owner "
        "(ProviderNotFound)\n3 objects: 1 error, 0 warnings\n",
    )
    policy.write_text(policy.read_text().replace("name: shared", "name: absent"))
    absent = invoke("validate", tmp_path)
    assert (absent.exit_code, absent.stdout) == (1, refused.stdout.replace("platform/shared", "platform/absent"))


@pytest.mark.parametrize(
    "consumers", ["{namespaceSelector: {}}", "{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: team}}}"]
)
def test_a_provider_of_another_namespace_that_consents_is_nothing_to_complain_about(
    consumers: str, tmp_path: Path
) -> None:
    write(tmp_path / "platform.yaml", PROVIDER_OF_ANOTHER.replace("CONSUMERS", consumers))
    write(tmp_path / "team.yaml", POLICY_OF_A_TENANT)
    result = invoke("validate", tmp_path)
    assert (result.exit_code, result.stdout) == (0, "3 objects: nothing to complain about\n")


def test_an_absent_gateway_is_an_error_and_with_partial_a_warning(source: Path) -> None:
    source.write_text(source.read_text().replace("gatewayRef: {name: main}", "gatewayRef: {name: other}"))
    plain, partial = invoke("validate", "-f", source), invoke("validate", "-f", source, "--partial")
    assert (plain.exit_code, partial.exit_code) == (1, 0)
    assert "(GatewayNotFound)" in plain.stdout


def test_an_absent_secret_is_a_warning(tmp_path: Path) -> None:
    result = invoke("validate", "-f", write(tmp_path / "lab.yaml", SECRET_REF))
    assert result.exit_code == 0
    assert "lab.yaml:7: warning: ModelProvider default/lab: " in result.stdout
    assert "(SecretNotFound)" in result.stdout


def test_absent_authorities_are_a_warning_at_their_line(tmp_path: Path) -> None:
    text = SECRET_REF.replace("type: OpenAI", "type: OpenAI\n      endpoint:\n        caRef: {name: authorities}")
    text = text.replace("credentials:\n      - {name: main, secretRef: {name: lab, key: apiKey}}", "credentials: []")
    result = invoke("validate", "-f", write(tmp_path / "lab.yaml", text))
    assert result.exit_code == 0
    assert (
        "lab.yaml:7: warning: ModelProvider default/lab: spec.endpoint.caRef: the Secret authorities" in result.stdout
    )


def test_an_unset_variable_of_a_secret_is_a_warning_that_names_it(tmp_path: Path) -> None:
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: lab}\nstringData: {apiKey: '${LAB_KEY_OF_TEST}'}\n"
    path = write(tmp_path / "secret.yaml", secret)
    assert "warning: Secret default/lab: stringData.apiKey: the environment variable LAB_KEY_OF_TEST is not set" in (
        invoke("validate", "-f", path).stdout
    )
    assert "nothing to complain" in invoke("validate", "-f", path, environ={"LAB_KEY_OF_TEST": "sk-1"}).stdout


def test_two_policies_for_one_model_are_a_conflict(source: Path, tmp_path: Path) -> None:
    other = source.read_text()[source.read_text().index("apiVersion: fairlead.dev/v1alpha1\nkind: RoutePolicy") :]
    path = write(tmp_path / "other.yaml", other.replace("{name: policy}", "{name: rival}"))
    result = invoke("validate", "-f", source, "-f", path)
    assert result.exit_code == 1
    assert "RoutePolicy default/rival" in result.stdout
    assert "(Conflicted)" in result.stdout


def test_an_object_that_stands_twice_is_an_error_that_names_both_places(source: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.yaml"
    copy.write_text(source.read_text())
    result = invoke("validate", "-f", source, "-f", copy)
    assert result.exit_code == 1
    assert f"{copy}:1: error: ModelProvider/default/fast stands also in {source}:1" in result.stdout


def test_kinds_of_others_are_a_warning(tmp_path: Path) -> None:
    path = write(tmp_path / "web.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n")
    result = invoke("validate", "-f", path)
    assert (result.exit_code, "(Ignored)" in result.stdout) == (0, True)


def test_standard_input_is_read(source: Path) -> None:
    result = invoke("validate", "-f", "-", stdin=source.read_text())
    assert (result.exit_code, result.stdout) == (0, "3 objects: nothing to complain about\n")


def test_a_path_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    result = invoke("validate", "-f", tmp_path / "nowhere")
    assert (result.exit_code, "no such file or directory" in result.stderr) == (2, True)


@pytest.mark.parametrize("command", ["validate", "render", "explain", "run"])
def test_a_command_without_files_is_refused(command: str) -> None:
    assert invoke(command).exit_code == 2


def test_an_api_key_that_is_left_out_is_a_warning_that_does_not_show_it(tmp_path: Path) -> None:
    path = write(
        tmp_path / "keys.yaml",
        """
        apiVersion: fairlead.dev/v1alpha1
        kind: ModelGateway
        metadata: {name: main, namespace: default}
        spec: {auth: {apiKeys: {}}}
        ---
        apiVersion: v1
        kind: Secret
        metadata: {name: odd, namespace: default, labels: {fairlead.dev/key: "true"}}
        stringData: {key: a-key-that-expires-oddly, expiresAt: tomorrow}
        """,
    )
    result = invoke("validate", "-f", path)
    assert result.exit_code == 0
    assert "warning: ModelGateway default/main: 1 API key left out: default/odd: expiresAt is no RFC" in result.stdout
    assert "a-key-that-expires-oddly" not in result.stdout
