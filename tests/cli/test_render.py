"""`fairlead render` prints what proxies load, and of keys only that they are there."""

import json
from pathlib import Path

import yaml
from doubles.command_line import invoke

from fairlead_operator.resources.schema import crd_files

KEYED = """
apiVersion: v1
kind: Secret
metadata: {name: lab}
stringData: {apiKey: sk-very-secret}
---
apiVersion: v1
kind: Secret
metadata: {name: caller, labels: {fairlead.dev/key: "true"}}
stringData: {key: callers-own-secret-key}
---
apiVersion: fairlead.dev/v1alpha1
kind: ModelGateway
metadata: {name: main}
spec: {auth: {apiKeys: {}}}
---
apiVersion: fairlead.dev/v1alpha1
kind: ModelProvider
metadata: {name: lab}
spec:
  type: OpenAI
  credentials: [{name: main, secretRef: {name: lab, key: apiKey}}]
  models: [{name: a}]
"""


def test_the_configuration_is_printed_as_yaml(source: Path) -> None:
    shown = yaml.safe_load(invoke("render", "-f", source).stdout)
    assert [provider["id"] for provider in shown["providers"]] == ["default/fast", "default/slow"]
    assert shown["policies"][0]["models"] == ["smart", "cheap"]
    assert shown["revision"].startswith("r-")


def test_no_key_is_printed_but_its_presence_is(tmp_path: Path) -> None:
    path = tmp_path / "keyed.yaml"
    path.write_text(KEYED)
    result = invoke("render", "-f", path, "-o", "json")
    assert "secret-key" not in result.output
    assert "sk-very-secret" not in result.output
    keys = json.loads(result.stdout)["keys"]
    assert keys["credentials"] == {"default/lab/main": "<present>"}
    assert [(caller["tenant"], caller["key"]) for caller in keys["callers"]] == [("default", "<present>")]


def test_of_several_gateways_one_is_chosen(tmp_path: Path) -> None:
    gateway = "apiVersion: fairlead.dev/v1alpha1\nkind: ModelGateway\nmetadata: {{name: {}}}\nspec: {{}}\n"
    path = tmp_path / "gateways.yaml"
    path.write_text(gateway.format("one") + "---\n" + gateway.format("two"))
    unclear, chosen = invoke("render", "-f", path), invoke("render", "-f", path, "--gateway", "default/two")
    assert (unclear.exit_code, "choose one with --gateway" in unclear.stderr) == (2, True)
    assert yaml.safe_load(chosen.stdout)["gateway"][0]["id"] == "default/two"


def test_the_definitions_are_printed_for_kubectl() -> None:
    printed = list(yaml.safe_load_all(invoke("crds").stdout))
    assert printed == [yaml.safe_load(text) for text in crd_files().values()]
