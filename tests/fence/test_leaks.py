"""Nothing that a gateway says or writes holds a key or a prompt: calls good and failing, bad objects, every command."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from doubles.command_line import invoke
from doubles.processes import eventually
from fence.canaries import disguises
from fence.planted import PROMPT, Planted, calls_of, family_of, planted
from sdk.conftest import MODELS

BAD_OBJECTS = {
    "unclosed": "stringData: {{plain: {key}",
    "a list": "stringData: {{plain: [{key}]}}",
    "a text": "stringData: {key}",
    "no base64": "data: {{plain: '{key}*'}}",
    "a tab": "stringData:\n\tplain: {key}",
    "twice": "stringData: {{plain: {key}, plain: {key}}}",
    "an anchor": "stringData: {{plain: *{key}}}",
    "in a credential": "spec: {{type: OpenAI, models: [{{name: m}}], credentials: [{{name: a, secretRef: {key}}}]}}",
    "in a key": "spec: {{type: OpenAI, models: [{{name: m}}], apiKey: {key}}}",
    "in a url": "spec: {{type: OpenAICompatible, endpoint: {{url: 'https://user:{key}@h/v1'}}, models: [{{name: m}}]}}",
}
"""Objects that are not valid, by what is wrong. Those with a `spec` are ModelProviders."""
COMMANDS: tuple[tuple[str, ...], ...] = (
    *(("get", kind, "-A", *shape) for kind in ("mp", "rp", "mg") for shape in ((), ("-o", "yaml"), ("-o", "json"))),
    *(("validate", "-f", "FILES", "-o", shape) for shape in ("text", "json", "junit", "sarif")),
    *(("explain", "-f", "FILES", "--model", "chat", "-o", shape) for shape in ("text", "json")),
    *(("render", "-f", "FILES", "-o", shape) for shape in ("text", "json")),
    ("prices", "-f", "FILES"),
    ("cost",),
    ("cost", "--by", "provider"),
    *(("status", "-o", shape) for shape in ("table", "json")),
    *(("providers", "-A", "-o", shape) for shape in ("table", "yaml")),
    *(("routes", "-A", "-o", shape) for shape in ("table", "yaml")),
    ("top", "providers"),
    *(("trace", "DECISION", "-o", shape) for shape in ("table", "json")),
)


SENT = {"refused": "refused", "bedrock": "aws session", "azure": None, "vertex": None, "vertex-claude": None}
"""By model, the canary that its provider is sent, where it is another than `plain`: none where a token is."""
Script = dict[str, Any]
ERRORS: tuple[Script, ...] = (
    {"kind": "status", "status": 400},
    {"kind": "status", "status": 401},
    {"kind": "status", "status": 500},
)
MORE_ERRORS: tuple[Script, ...] = (
    {"kind": "error_in_200"},
    {"kind": "error_first"},
    {"kind": "error_after"},
    {"kind": "garbage"},
)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planted]:
    """All calls have been made: good ones, and ones to providers whose errors quote the keys that they know."""
    with planted(tmp_path_factory.mktemp("planted")) as running:
        good: Script = {"kind": "ok"}
        for behaviour in (good, *ERRORS, *MORE_ERRORS):
            for model in (*MODELS, "refused", "absent"):
                running.upstream.behave(**behaviour, error=_quoting(running, model))
                for path, body in calls_of(model, running.canaries[PROMPT]):
                    running.statuses.add((behaviour["kind"], running.call(path, body)))
        running.upstream.behave()
        for path, body in calls_of("chat", running.canaries[PROMPT]):
            running.call(path, body, key=running.canaries["plain"])
        yield running


def _quoting(house: Planted, model: str) -> dict[str, Any]:
    """Return an error of a vendor that quotes the very key it was sent."""
    sent = SENT.get(model, "plain")
    key = "a token" if sent is None else house.canaries[sent]
    return {"message": f"Incorrect API key provided: {key} ({key!r})", "type": "invalid_request_error"}


def written(house: Planted) -> dict[str, bytes]:
    """Return every file below the state directory, and the log."""
    files = [path for path in house.gateway.state.rglob("*") if path.is_file()]
    found = {str(path.relative_to(house.gateway.state)): path.read_bytes() for path in files}
    return found | {"log": house.gateway.log.read_bytes()}


def test_the_calls_were_made_and_the_providers_had_the_keys(house: Planted) -> None:
    """Else nothing below would mean anything."""
    assert ("ok", 200) in house.statuses
    assert {status for kind, status in house.statuses if kind == "status"} >= {400, 404, 502}
    seen = json.dumps(house.upstream.seen()).replace("\\/", "/").encode()
    assert house.search.hits(seen) >= {"plain", "refused", "aws session", PROMPT}


def test_no_answer_holds_a_key(house: Planted) -> None:
    answers = {where: told for where, told in house.emitted.items() if where.startswith("answer")}
    found = house.search.places(answers)
    assert answers
    assert {where: names for where, names in found.items() if names - {PROMPT}} == {}


def test_nothing_on_the_admin_port_holds_a_key_or_a_prompt(house: Planted) -> None:
    told = {path: house.read_admin(path) for path in ("/metrics", "/healthz", "/readyz", "/debug/config")}
    decisions = {each.decode() for where, answer in house.emitted.items() for each in _decisions(answer)}
    assert len(decisions) > 100
    for decision in sorted(decisions)[:200]:
        told[decision] = house.read_admin(f"/debug/decisions/{decision}", token=house.admin_token)
        house.read_admin(f"/debug/decisions/{decision}", token=house.canaries["caller"])
    assert any(b"attempts" in record for record in told.values())
    assert house.search.places(told) == {}
    heads = {where: answer for where, answer in house.emitted.items() if where.startswith("admin")}
    assert house.search.places(heads) == {}


def test_no_file_holds_a_key_but_the_key_ring_and_the_admin_token(house: Planted) -> None:
    eventually(lambda: {"ledger.jsonl", "ledger.sqlite"} <= set(written(house)), within=20)
    files = written(house)
    found = house.search.places(files)
    assert {Path(name).name for name in found} == {"keys.json", "admin.token"}
    assert all(PROMPT not in names for names in found.values())
    assert files["log"].count(b"\n") > 100
    for name in found:
        assert (house.gateway.state / name).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_command_prints_a_key_or_a_prompt(house: Planted, command: tuple[str, ...]) -> None:
    decision = next(each.decode() for answer in house.emitted.values() for each in _decisions(answer))
    words = [{"FILES": str(house.objects), "DECISION": decision}.get(word, word) for word in command]
    if "FILES" not in command:
        words += ["--state", str(house.gateway.state)]
    result = invoke(*words)
    assert result.exit_code in (0, 1)
    assert result.output
    assert house.search.hits(result.output.encode()) == set()
    assert house.search.hits(repr(result.exception).encode()) == set()


@pytest.mark.parametrize("fault", BAD_OBJECTS)
def test_an_object_that_is_not_valid_is_refused_without_a_word_of_its_key(house: Planted, fault: str) -> None:
    kind = "ModelProvider" if "spec:" in BAD_OBJECTS[fault] else "Secret"
    version = "v1" if kind == "Secret" else "fairlead.dev/v1alpha1"
    head = f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: broken, namespace: default}}\n"
    text = head + BAD_OBJECTS[fault].format(key=house.canaries["bystander"]) + "\n"
    bad = house.objects / "broken.yaml"
    bad.write_text(text)
    before = house.gateway.log.stat().st_size
    try:
        result = invoke("validate", "-f", str(bad))
        told = [result.output, invoke("render", "-f", str(bad)).output]
        eventually(lambda: house.gateway.log.stat().st_size > before, within=20)
        told.append(invoke("get", "mp", "--state", str(house.gateway.state)).output)
    finally:
        bad.unlink()
    assert result.exit_code == 1
    assert house.search.hits("\n".join(told).encode()) == set()
    assert house.search.hits(house.gateway.log.read_bytes()[before:]) == set()


def test_no_process_has_a_key_in_its_command_or_its_environment(house: Planted) -> None:
    family = family_of(house.gateway.process.pid)
    assert len(family) >= 3
    files = [Path(f"/proc/{pid}/{name}") for pid in family for name in ("cmdline", "environ")]
    told = {str(path): path.read_bytes() for path in files}
    assert all(told.values())
    assert house.search.places(told) == {}


def test_a_process_that_crashes_leaves_no_key_behind(house: Planted) -> None:
    """The last test of the file that calls: the worker ends in the middle of its work, and is started again."""
    before = set(family_of(house.gateway.process.pid))
    worker = next(pid for pid in before if b"fairlead_proxy.cli" in Path(f"/proc/{pid}/cmdline").read_bytes())
    os.kill(worker, signal.SIGABRT)
    eventually(lambda: set(family_of(house.gateway.process.pid)) - before, within=20)
    eventually(house.gateway.is_ready, within=20)
    files = written(house)
    assert {Path(name).name for name in house.search.places(files)} == {"keys.json", "admin.token"}
    assert b"Fatal Python error: Aborted" in files["log"]


def test_a_key_that_is_planted_is_found(house: Planted) -> None:
    """What all of the above rests on: the same search, over the same places, with one key in them."""
    for form in disguises(house.canaries["entra"]).values():
        planted_log = house.gateway.log.read_bytes() + form.encode()
        assert house.search.places({"log": planted_log, "empty": b""}) == {"log": {"entra"}}
    leak = house.gateway.state / "leak.txt"
    leak.write_text(f"token={house.canaries['google'][:20]}")
    try:
        assert house.search.places(written(house))["leak.txt"] == {"google"}
    finally:
        leak.unlink()


def _decisions(answer: bytes) -> list[bytes]:
    """Return the ids that an answer's heads name."""
    lines = [line for line in answer.splitlines() if line.lower().startswith(b"x-fairlead-decision:")]
    return [line.partition(b":")[2].strip() for line in lines]
