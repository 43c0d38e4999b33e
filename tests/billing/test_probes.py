"""Probes that are real calls, in the dialect of every type of provider: the ledger has what the invoice has."""

import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from billing.demands import check_exact, check_unbilled
from billing.house import compiled_config
from billing.objects import PROVIDERS, SPOKEN_BY, price_of, probed_objects
from billing.spooled import read_counters, read_spool
from doubles.compiled import read_inventory
from doubles.cost_oracle import nano_cost
from doubles.invoice import WHOLE, Line
from doubles.processes import ScriptedUpstream, eventually, scripted_upstream
from doubles.proxy_process import ProxyProcess, proxy_process
from doubles.vendor_counts import Tokens

from fairlead_operator.compiler.compile import compile_inventory
from fairlead_operator.fleet.duties import duties_of
from fairlead_operator.heard import HeardProxy
from fairlead_proxy.contract.config import Provider
from fairlead_proxy.contract.names import ProbeLimit
from fairlead_proxy.contract.price import write_amount
from fairlead_proxy.contract.report import Duties, ProxyReport
from fairlead_proxy.contract.usage_record import UsageRecord
from fairlead_proxy.upstream.chat_probe import PROBE_CALLER


@dataclass
class Probed:
    """A proxy without a single caller, to which duties are given."""

    upstream: ScriptedUpstream
    proxy: ProxyProcess
    spool: Path

    def report(self, *probe: str, **more: Any) -> Any:
        """Give the duty to probe these providers, and no others; return what the proxy reports."""
        duties = {"probe": [f"default/{name}" for name in probe], **more}
        return self.proxy.admin("/report", {"duties": duties})

    def probed_once(self, provider: str) -> tuple[list[UsageRecord], list[Line]]:
        """Have it probed until something is booked, and return what is new of ledger and invoice, in order."""
        records, lines = len(read_spool(self.spool)), len(self.upstream.invoice())
        self.report(provider)
        eventually(lambda: len(read_spool(self.spool)) > records, within=15)
        self.report()

        def settled() -> tuple[list[UsageRecord], list[Line]] | None:
            booked, charged = read_spool(self.spool)[records:], self.upstream.invoice()[lines:]
            counters = read_counters(self.spool)
            quiet = counters.began == counters.spooled and all(line.answered for line in charged)
            return (booked, charged) if quiet and len(booked) == len(charged) else None

        found = eventually(settled, within=15)
        assert found is not None
        return found


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Probed]:
    directory = tmp_path_factory.mktemp("probes")
    with scripted_upstream() as upstream:
        config = compiled_config(directory / "config", probed_objects(upstream.port))
        with proxy_process(directory, "--spool", str(directory / "spool"), config=config) as proxy:
            yield Probed(upstream, proxy, directory / "spool")


@pytest.fixture
def probed(running: Probed) -> Probed:
    running.upstream.obey()
    return running


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_a_probe_used_is_booked_as_its_provider_charges_it(probed: Probed, provider: str) -> None:
    probed.upstream.behave(tokens=1, input_tokens=11)
    records, lines = probed.probed_once(provider)
    for record, line in zip(records, lines, strict=True):
        check_exact(record, line, provider)
        assert line.dialect == SPOKEN_BY[provider]
        assert (record.namespace, record.caller, record.policy) == ("default", PROBE_CALLER, "")
    assert sum(record.cost_nano or 0 for record in records)
    told = probed.report()
    costs = {cost[0]: cost[3] for cost in told["probe_costs"]["costs"]}
    known = [record for record in read_spool(probed.spool) if record.provider == f"default/{provider}"]
    assert costs[f"default/{provider}"] == sum(record.cost_nano or 0 for record in known)
    assert [probe["reason"] for probe in told["probes"] if probe["provider"] == f"default/{provider}"] == [None]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_probe_that_failed_is_booked_and_costs_nothing(probed: Probed, provider: str) -> None:
    probed.upstream.behave("status", status=500)
    records, lines = probed.probed_once(provider)
    for record, line in zip(records, lines, strict=True):
        check_unbilled(record, line, provider)
        assert record.outcome == "ServerError"


def test_what_others_have_spent_is_taken_over_with_the_duty_and_told_on(probed: Probed) -> None:
    day = time.strftime("%Y-%m-%d", time.gmtime())
    others = {"day": day, "costs": [["default/openai", "proxy-0-1", "USD", 999_999_999]]}
    told = probed.report("openai", probe_costs=others)
    assert others["costs"][0] in told["probe_costs"]["costs"]


def test_the_fence_holds_for_probes(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as inside:
        inside.setblocking(False)
        documents = [
            {**each, "spec": _fenced(each, inside.getsockname()[1])} if "spec" in each else each
            for each in yaml.safe_load_all(probed_objects(1))
            if each["kind"] != "ModelProvider" or each["metadata"]["name"] == "chat"
        ]
        config = compiled_config(tmp_path / "config", yaml.safe_dump_all(documents))
        with proxy_process(tmp_path, "--spool", str(tmp_path / "spool"), config=config) as proxy:
            proxy.admin("/report", {"duties": {"probe": ["default/chat"]}})
            eventually(lambda: read_spool(tmp_path / "spool"), within=15)
            record = read_spool(tmp_path / "spool")[0]
            assert (record.outcome, record.basis, record.cost_nano) == ("Unreachable", "unbilled", 0)
        with pytest.raises(BlockingIOError):
            inside.accept()


def _fenced(document: dict[str, Any], port: int) -> dict[str, Any]:
    """Return the spec of a provider at this port, which it must not reach; of a gateway, with the fence as it is."""
    spec: dict[str, Any] = document["spec"]
    if document["kind"] == "ModelGateway":
        return {}
    return spec | {"endpoint": {"url": f"https://127.0.0.1:{port}/v1"}}


@dataclass
class _Fleet:
    """Proxies of one configuration, and what an operator does for their probes: it hears them, and gives duties."""

    providers: list[Provider]
    alive: dict[str, ProxyProcess]
    reports: dict[str, ProxyReport]
    duties: Mapping[str, Duties]

    def hear(self) -> None:
        """Make one round."""
        for name, proxy in self.alive.items():
            given = msgspec.to_builtins(self.duties.get(name, Duties()))
            self.reports[name] = msgspec.convert(proxy.admin("/report", {"duties": given}), ProxyReport)
        heard = [HeardProxy(name, True, self.reports[name], time.time()) for name in self.alive]
        self.duties = duties_of(self.providers, heard)

    def prober(self) -> str:
        (found,) = [name for name, duties in self.duties.items() if duties.probe]
        return found


def test_the_money_of_a_day_outlives_the_prober(tmp_path: Path) -> None:
    budget, each_costs = 150_000, nano_cost(Tokens(11, output=1), price_of("chat")) or 0
    assert 3 * each_costs < budget - 96_011 < 4 * each_costs  # so that four may be made: 96,011 are set aside for each
    with scripted_upstream() as upstream, ExitStack() as stack:
        upstream.behave(tokens=1, input_tokens=11)
        documents = [
            each
            for each in yaml.safe_load_all(probed_objects(upstream.port))
            if each["kind"] != "ModelProvider" or each["metadata"]["name"] == "chat"
        ]
        for each in documents:
            if each["kind"] == "ModelProvider":
                each["spec"]["health"]["active"]["maxCostPerDay"] = write_amount(budget)
        text = yaml.safe_dump_all(documents)
        (chat,) = compile_inventory(read_inventory(text)).gateways["default/main"].providers
        fleet = _Fleet([chat], {}, {}, {})
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            config = compiled_config(tmp_path / name / "config", text)
            options = ("--name", name, "--spool", str(tmp_path / name / "spool"))
            fleet.alive[name] = stack.enter_context(proxy_process(tmp_path / name, *options, config=config))
        fleet.hear()
        first = fleet.prober()

        def costs(name: str) -> int:
            return sum(record.cost_nano or 0 for record in read_spool(tmp_path / name / "spool"))

        def told() -> int:
            fleet.hear()
            return sum(cost.nano for cost in fleet.duties[first].probe_costs.costs)

        eventually(lambda: told() >= 3 * each_costs, within=20)
        gone = fleet.alive.pop(first)
        gone.terminate()
        gone.process.wait(timeout=20)
        fleet.hear()
        second = fleet.prober()

        def spent() -> bool:
            fleet.hear()
            return fleet.reports[second].probe_limits == {"default/chat": ProbeLimit.BUDGET_SPENT}

        eventually(spent, within=30)
        # The first may have made one that nobody has heard of.
        assert costs(first) + costs(second) in (4 * each_costs, 5 * each_costs)
        charged = [line for line in upstream.invoice() if line.charge == WHOLE]
        assert costs(first) + costs(second) == sum(nano_cost(line.tokens, price_of("chat")) or 0 for line in charged)
