"""A user's kubeconfigs: merged, by context, with plugins that log in, and what is refused with a remedy."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from fairlead_operator.cli.user_access import find_user_access
from fairlead_operator.cluster.kubernetes_errors import AccessError


def kubeconfig(path: Path, *, user: dict[str, Any], current: str = "here", **cluster: Any) -> Path:
    content = {
        "current-context": current,
        "contexts": [
            {"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "team"}},
            {"name": "there", "context": {"cluster": "d", "user": "u"}},
        ],
        "clusters": [
            {"name": "c", "cluster": {"server": "https://api:6443/", **cluster}},
            {"name": "d", "cluster": {"server": "https://other:6443"}},
        ],
        "users": [{"name": "u", "user": user}],
    }
    path.write_text(yaml.safe_dump(content))
    return path


def plugin(directory: Path, program: str) -> dict[str, Any]:
    """Return what a kubeconfig says of a plugin that is this program."""
    (directory / "login.py").write_text(program)
    version = "client.authentication.k8s.io/v1"
    return {"exec": {"apiVersion": version, "command": sys.executable, "args": [str(directory / "login.py")]}}


def refusal(file: Path, context: str | None = None) -> str:
    with pytest.raises(AccessError) as refused:
        find_user_access(str(file), context, {})
    return str(refused.value)


def test_the_current_context_names_server_user_and_namespace(tmp_path: Path) -> None:
    found = find_user_access(str(kubeconfig(tmp_path / "a", user={"token": "t"})), None, {})
    assert (found.access.server, found.access.bearer(), found.namespace) == ("https://api:6443", "t", "team")


def test_another_context_is_chosen_by_name(tmp_path: Path) -> None:
    found = find_user_access(str(kubeconfig(tmp_path / "a", user={"token": "t"})), "there", {})
    assert (found.access.server, found.namespace) == ("https://other:6443", "default")


def test_a_context_that_is_not_there_is_refused_naming_those_there_are(tmp_path: Path) -> None:
    file = kubeconfig(tmp_path / "a", user={})
    assert refusal(file, "gone") == f"{file}: there is no context 'gone'; there are: here, there"


def test_of_several_kubeconfigs_the_first_that_names_something_counts(tmp_path: Path) -> None:
    first = tmp_path / "first"
    first.write_text(yaml.safe_dump({"users": [{"name": "u", "user": {"tokenFile": "token"}}]}))
    (tmp_path / "token").write_text("from the first\n")
    (tmp_path / "sub").mkdir()
    second = kubeconfig(tmp_path / "sub" / "second", user={"token": "from the second"})
    environ = {"KUBECONFIG": f"{first}:{tmp_path / 'absent'}:{second}"}
    found = find_user_access(None, None, environ)
    assert (found.access.server, found.access.bearer()) == ("https://api:6443", "from the first")


def test_the_usual_place_is_looked_at_last(tmp_path: Path) -> None:
    (tmp_path / ".kube").mkdir()
    kubeconfig(tmp_path / ".kube" / "config", user={"token": "t"})
    assert find_user_access(None, None, {"HOME": str(tmp_path)}).access.bearer() == "t"


def test_without_any_cluster_the_remedies_are_named(tmp_path: Path) -> None:
    with pytest.raises(AccessError, match="--kubeconfig PATH, or --state DIR"):
        find_user_access(None, None, {"HOME": str(tmp_path)})


def test_a_plugin_logs_in_and_is_told_as_kubectl_tells_it(tmp_path: Path) -> None:
    program = (
        "import json, os\n"
        "told = json.loads(os.environ['KUBERNETES_EXEC_INFO'])\n"
        "print(json.dumps({'status': {'token': told['apiVersion'] + ' ' + str(told['spec']['interactive'])}}))\n"
    )
    file = kubeconfig(tmp_path / "a", user=plugin(tmp_path, program))
    token = find_user_access(str(file), None, {}).access.bearer()
    assert token == "client.authentication.k8s.io/v1 False"


def test_a_plugin_that_is_not_installed_is_told_with_its_own_hint(tmp_path: Path) -> None:
    user = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": "no-such-login",
            "installHint": "get it from its maker",
        }
    }
    assert refusal(kubeconfig(tmp_path / "a", user=user)).endswith("get it from its maker")


@pytest.mark.parametrize(
    ("program", "word"), [("raise SystemExit(1)", "did not log in"), ("print('{}')", "no ExecCred")]
)
def test_a_plugin_that_fails_is_told(tmp_path: Path, program: str, word: str) -> None:
    assert word in refusal(kubeconfig(tmp_path / "a", user=plugin(tmp_path, program)))


@pytest.mark.parametrize("user", [{"auth-provider": {}}, {"username": "x"}, {"as": "somebody"}])
def test_a_way_of_logging_in_that_is_not_supported_is_named(tmp_path: Path, user: dict[str, Any]) -> None:
    assert f"users[].user.{next(iter(user))} is not supported" in refusal(kubeconfig(tmp_path / "a", user=user))


def test_a_cluster_that_is_reached_in_another_way_is_named(tmp_path: Path) -> None:
    file = kubeconfig(tmp_path / "a", user={}, **{"proxy-url": "http://proxy.example"})
    assert "clusters[].cluster.proxy-url is not supported" in refusal(file)


@pytest.mark.parametrize("text", ["[1", "a: [", json.dumps({"users": [1]}), "just text"])
def test_a_file_that_is_no_kubeconfig_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "a"
    file.write_text(text)
    assert f"{file} is not a kubeconfig" in refusal(file)
