"""Fairlead: one proxy process as it runs in a pod, configured by the real compiler, with everything on."""

import json
import urllib.error
import urllib.request
from functools import partial
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from fairlead_bench.install import compiled_wheel, python_environment
from fairlead_bench.mock import FAULTY, OK, OTHER
from fairlead_bench.places import ROOT, cache_directory
from fairlead_bench.targets.fairlead_objects import PLATFORM, objects
from fairlead_bench.targets.target import CHAT, SENT_KEY, FeatureMissing, Place, Target
from fairlead_bench.waiting import settled
from fairlead_operator.cli.sources import read_sources
from fairlead_operator.cluster.api import Snapshot
from fairlead_operator.cluster.local_config import write_keys, write_snapshot
from fairlead_proxy.contract.keys import KeyRing

ADMIN_TOKEN = "bench-admin"


def environment() -> Path:
    """Return the bin directory of an environment that holds this tree as images do, in the targets' interpreter."""
    return python_environment(ROOT / "requirements" / "run.txt", wheel=compiled_wheel())


class Fairlead(Target):
    name = "fairlead"

    def install(self) -> str:
        self._bin = environment()
        return "this tree, its hot path compiled"

    def configure(self, place: Place) -> None:
        _config(place).mkdir()
        _publish(place, OK)

    def command(self, place: Place) -> list[str]:
        listen = ["--listen", f"127.0.0.1:{place.port}", "--admin", f"127.0.0.1:{place.admin_port}"]
        ending = ["--drain-delay", "0s", "--spool", str(_spool(place))]
        return [str(self._bin / "fairlead-proxy"), "serve", "--config", str(_config(place)), *listen, *ending]

    def environment(self, place: Place) -> dict[str, str]:
        compiled = str(cache_directory("byte-code"))
        trusted = {"SSL_CERT_FILE": str(place.upstreams.ca)}
        return {"PYTHONPYCACHEPREFIX": compiled, "PYTHONDONTWRITEBYTECODE": "", **trusted}

    def swap(self, place: Place) -> None:
        _publish(place, OTHER)

    def check(self, place: Place, calls: int) -> None:
        """See access log, metrics, ledger and decision record, and that a caller without a key gets nothing."""
        for where, read in (("metrics", _counted), ("access log", _lines), ("ledger", _spooled)):
            seen = settled(partial(read, place), calls)
            if seen != calls:
                raise FeatureMissing(f"the {where} tell of {seen:.0f} calls, not of {calls}")
        decision, attempts = _one_decision(place)
        if attempts != 1:
            raise FeatureMissing(f"the decision record of call {decision} shows {attempts} attempts, not 1")
        if _status_without_key(place) != 401:
            raise FeatureMissing("a call without a key was not refused")

    def check_ejected(self, place: Place) -> None:
        shown = _of_faulty(place, "fairlead_circuit_state")
        if not any(shown):
            raise FeatureMissing(f"no breaker of the faulty provider has opened: {shown}")

    def tries(self, place: Place) -> float:
        return sum(_of_faulty(place, "fairlead_attempts_total"))


def _config(place: Place) -> Path:
    return place.directory / "config"


def _publish(place: Place, chat_to: str) -> None:
    """Write the objects, compile them, and put the snapshot where the proxy finds it, as a volume would hold it."""
    source = place.directory / "objects.yaml"
    source.write_text(objects(place, chat_to))
    sources = read_sources([str(source)], {})
    if sources.problems:
        raise RuntimeError(f"the objects of the measurement are not valid: {sources.problems[0]}")
    compiled = sources.gateway(None)
    keys = KeyRing(credentials=compiled.keys.credentials, callers=compiled.keys.callers, admin_tokens=(ADMIN_TOKEN,))
    write_keys(_config(place), keys)
    write_snapshot(_config(place), Snapshot(compiled.revision, compiled.fragments))


def _lines(place: Place) -> float:
    with place.log.open("rb") as log:
        return sum(line.startswith(b'{"at":') and b'"duration_seconds":' in line for line in log)


def _counted(place: Place) -> float:
    return sum(float(sample.value) for sample in _samples(place, "fairlead_requests_total"))


def _spool(place: Place) -> Path:
    return place.directory / "spool"


def _spooled(place: Place) -> float:
    states = _samples(place, "fairlead_ledger_records_total")
    return sum(float(sample.value) for sample in states if sample.labels["state"] == "spooled")


def _of_faulty(place: Place, name: str) -> list[float]:
    faulty = f"{PLATFORM}/{FAULTY}"
    return [float(sample.value) for sample in _samples(place, name) if sample.labels["provider"] == faulty]


def _samples(place: Place, name: str) -> list[Any]:
    text = _admin(place, "/metrics").decode()
    return [
        sample for family in text_string_to_metric_families(text) for sample in family.samples if sample.name == name
    ]


def _one_decision(place: Place) -> tuple[str, int]:
    """Make a call; return its id and how many attempts the record of it shows."""
    call = urllib.request.Request(place.url, data=_body(), headers=_headers({"authorization": f"Bearer {SENT_KEY}"}))
    with urllib.request.urlopen(call, timeout=10) as answer:
        decision = str(answer.headers["x-fairlead-decision"])
    record = json.loads(_admin(place, f"/debug/decisions/{decision}"))
    return decision, len(record["attempts"])


def _status_without_key(place: Place) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(place.url, data=_body(), headers=_headers({})), timeout=10):
            return 200
    except urllib.error.HTTPError as refused:
        refused.close()
        return refused.code


def _body() -> bytes:
    return json.dumps({"model": CHAT, "messages": [{"role": "user", "content": "hello"}]}).encode()


def _headers(more: dict[str, str]) -> dict[str, str]:
    return {"content-type": "application/json", **more}


def _admin(place: Place, path: str) -> bytes:
    url = f"http://127.0.0.1:{place.admin_port}{path}"
    request = urllib.request.Request(url, headers={"authorization": f"Bearer {ADMIN_TOKEN}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        body: bytes = answer.read()
    return body
