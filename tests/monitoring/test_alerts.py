"""Each alert fires when it should and keeps quiet when it should, as promtool's own unit tests of rules see it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from monitoring.promtool import RULES, alerts, promtool

GATEWAY = 'gateway="main",gateway_namespace="ai"'
PROXY = f'{GATEWAY},pod="main-proxy-1"'
OTHER = f'{GATEWAY},pod="main-proxy-2"'
CALL = f'{PROXY},namespace="team",policy="team/chat",rule="all",provider="ai/a",model="m"'


@dataclass(frozen=True, slots=True)
class Case:
    """What was scraped every minute, in promtool's notation, and which alert fires at `at` with these labels."""

    alert: str
    series: Mapping[str, str]
    at: str
    fires: Mapping[str, str] | None


FLEET = {"gateway": "main", "gateway_namespace": "ai"}
POLICY = {**FLEET, "namespace": "team", "policy": "team/chat"}
PROVIDER = {**FLEET, "provider": "ai/a"}
POD = {**FLEET, "pod": "main-proxy-1"}
LISTENER = {**FLEET, "listener": "https"}
DAY = 86_400


def calls(good: str, bad: str, reason: str = "upstream_failed", code: str = "502") -> dict[str, str]:
    return {
        f'fairlead_requests_total{{{CALL},code="200",reason="ok"}}': good,
        f'fairlead_requests_total{{{CALL},code="{code}",reason="{reason}"}}': bad,
    }


def attempts(good: str, bad: str, outcome: str = "ServerError") -> dict[str, str]:
    attempted = f'{PROXY},provider="ai/a",model="m"'
    return {
        f'fairlead_attempts_total{{{attempted},outcome="Answered"}}': good,
        f'fairlead_attempts_total{{{attempted},outcome="{outcome}"}}': bad,
    }


def healthy(*proxies: int) -> dict[str, str]:
    return {
        f'fairlead_provider_healthy{{{GATEWAY},pod="p{number}",provider="ai/a"}}': f"{value}+0x20"
        for number, value in enumerate(proxies)
    }


def revisions(first: str, second: str, second_loaded: str) -> dict[str, str]:
    return {
        f'fairlead_config_info{{{PROXY},revision="{first}"}}': "1+0x20",
        f'fairlead_config_info{{{OTHER},revision="{second}"}}': "1+0x20",
        f"fairlead_config_loaded_timestamp_seconds{{{PROXY}}}": "1000+0x20",
        f"fairlead_config_loaded_timestamp_seconds{{{OTHER}}}": second_loaded,
    }


def ends(*values: str) -> dict[str, str]:
    """Return the end of a certificate as each proxy shows it; the clock of a case begins at 0."""
    return {
        f'fairlead_certificate_expiry_timestamp_seconds{{{GATEWAY},pod="p{number}",listener="https"}}': each
        for number, each in enumerate(values)
    }


def lost(values: str) -> dict[str, str]:
    return {f'fairlead_ledger_lost_records_total{{{PROXY},sink="sqlite",reason="killed"}}': values}


def of_sink(name: str, values: str) -> dict[str, str]:
    return {f'fairlead_ledger_{name}{{{PROXY},sink="sqlite"}}': values}


def unpriced(values: str) -> dict[str, str]:
    return {f"fairlead_unpriced_attempts_total{{{CALL}}}": values}


CASES = {
    "one call of ten fails": Case("FairleadErrorBudgetBurnsFast", calls("0+90x70", "0+10x70"), "70m", FLEET),
    "one call of fifty fails": Case("FairleadErrorBudgetBurnsFast", calls("0+98x70", "0+2x70"), "70m", None),
    "callers are refused": Case(
        "FairleadErrorBudgetBurnsFast", calls("0+50x70", "0+50x70", "model_not_found", "404"), "70m", None
    ),
    "it was bad and is over": Case("FairleadErrorBudgetBurnsFast", calls("0+90x70", "0+10x50 500+0x20"), "70m", None),
    "one call of twenty fails for hours": Case(
        "FairleadErrorBudgetBurnsSlowly", calls("0+95x400", "0+5x400"), "400m", FLEET
    ),
    "one call of fifty fails for hours": Case(
        "FairleadErrorBudgetBurnsSlowly", calls("0+98x400", "0+2x400"), "400m", None
    ),
    "all targets fail": Case("FairleadTargetsExhausted", calls("0+1x20", "0+9x20"), "15m", POLICY),
    "all targets rest": Case("FairleadTargetsExhausted", calls("0+0x20", "0+9x20", "no_target", "503"), "15m", POLICY),
    "some calls fail": Case("FairleadTargetsExhausted", calls("0+6x20", "0+4x20"), "15m", None),
    "callers leave": Case("FairleadTargetsExhausted", calls("0+1x20", "0+9x20", "client_gone", "499"), "15m", None),
    "every fifth attempt is another": Case(
        "FairleadFallbacksFrequent", {**calls("0+80x60", "0+0x60"), **attempts("0+80x60", "0+20x60")}, "45m", FLEET
    ),
    "every call has one attempt": Case(
        "FairleadFallbacksFrequent", {**calls("0+80x60", "0+1x60"), **attempts("0+80x60", "0+1x60")}, "45m", None
    ),
    "two of three see it down": Case("FairleadProviderDown", healthy(0, 0, 1), "10m", PROVIDER),
    "one of three sees it down": Case("FairleadProviderDown", healthy(0, 1, 1), "10m", None),
    "a third of the attempts fail": Case("FairleadProviderFailing", attempts("0+20x30", "0+10x30"), "25m", PROVIDER),
    "few attempts fail": Case("FairleadProviderFailing", attempts("0+95x30", "0+5x30"), "25m", None),
    "requests are wrong": Case(
        "FairleadProviderFailing", attempts("0+20x30", "0+10x30", "InvalidRequest"), "25m", None
    ),
    "a pod stays behind": Case("FairleadProxyBehind", revisions("r-1", "r-2", "1300+0x20"), "10m", POD),
    "a pod started later with the same": Case("FairleadProxyBehind", revisions("r-1", "r-1", "1300+0x20"), "10m", None),
    "all pods take each new one": Case("FairleadProxyBehind", revisions("r-1", "r-2", "1010+0x20"), "10m", None),
    "a configuration was refused": Case(
        "FairleadConfigRefused", {f"fairlead_config_apply_failures_total{{{PROXY}}}": "0 0 1+0x20"}, "5m", POD
    ),
    "one was refused yesterday": Case(
        "FairleadConfigRefused", {f"fairlead_config_apply_failures_total{{{PROXY}}}": "1+0x20"}, "15m", None
    ),
    "a certificate ends in six days": Case("FairleadCertificateExpires", ends(f"{6 * DAY}+0x30"), "10m", LISTENER),
    "one proxy has not heard of the renewal": Case(
        "FairleadCertificateExpires", ends(f"{90 * DAY}+0x30", f"{6 * DAY}+0x30"), "10m", LISTENER
    ),
    "a certificate ends in eight days": Case("FairleadCertificateExpires", ends(f"{8 * DAY}+0x30"), "10m", None),
    "a certificate was renewed": Case(
        "FairleadCertificateExpires", ends(f"{6 * DAY}+0x14 {90 * DAY}+0x15"), "20m", None
    ),
    "a certificate ends this evening": Case("FairleadCertificateExpiresToday", ends(f"{DAY}+0x30"), "10m", LISTENER),
    "a certificate has ended": Case("FairleadCertificateExpiresToday", ends("60+0x30"), "10m", LISTENER),
    "a certificate ends in two days": Case("FairleadCertificateExpiresToday", ends(f"{2 * DAY}+0x30"), "10m", None),
    "both stand by": Case(
        "FairleadOperatorNotLeading",
        {'fairlead_operator_leading{pod="o1"}': "0+0x20", 'fairlead_operator_leading{pod="o2"}': "0+0x20"},
        "5m",
        {},
    ),
    "there is none": Case("FairleadOperatorNotLeading", {}, "5m", {}),
    "one acts": Case(
        "FairleadOperatorNotLeading",
        {'fairlead_operator_leading{pod="o1"}': "0+0x20", 'fairlead_operator_leading{pod="o2"}': "1+0x20"},
        "5m",
        None,
    ),
    "it is behind": Case(
        "FairleadWatchStale", {'fairlead_operator_watch_age_seconds{pod="o1"}': "0+30x20"}, "6m", {"pod": "o1"}
    ),
    "it was behind for a moment": Case(
        "FairleadWatchStale", {'fairlead_operator_watch_age_seconds{pod="o1"}': "0 30 45 0+0x20"}, "4m", None
    ),
    "records were dropped": Case(
        "FairleadLedgerRecordsLost",
        {f'fairlead_ledger_records_total{{{PROXY},state="dropped"}}': "0 0 4+0x20"},
        "5m",
        POD,
    ),
    "a store lost the first": Case(
        "FairleadLedgerRecordsLost", lost("_ _ 3+0x20"), "5m", {**POD, "sink": "sqlite", "reason": "killed"}
    ),
    "a store lost some long ago": Case("FairleadLedgerRecordsLost", lost("3+0x40"), "30m", None),
    "records are booked": Case(
        "FairleadLedgerRecordsLost",
        {f'fairlead_ledger_records_total{{{PROXY},state="spooled"}}': "0+9x20"},
        "15m",
        None,
    ),
    "a store takes nothing": Case(
        "FairleadLedgerSinkDown", of_sink("sink_up", "0+0x20"), "10m", {**POD, "sink": "sqlite"}
    ),
    "a store takes all": Case("FairleadLedgerSinkDown", of_sink("sink_up", "1+0x20"), "10m", None),
    "the spool fills": Case(
        "FairleadLedgerFallsBehind", of_sink("unshipped_records", "0+1000x50"), "40m", {**POD, "sink": "sqlite"}
    ),
    "the spool empties": Case("FairleadLedgerFallsBehind", of_sink("unshipped_records", "90000-1000x50"), "40m", None),
    "a model has no price": Case(
        "FairleadUsageUnpriced", unpriced("_ _ 1+0x20"), "10m", {**FLEET, "provider": "ai/a", "model": "m"}
    ),
    "one had none until yesterday": Case("FairleadUsageUnpriced", unpriced("5+0x200"), "150m", None),
}


@pytest.mark.parametrize("name", CASES)
def test_an_alert_fires_when_and_only_when_it_should(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    severity = alerts()[case.alert]["labels"]["severity"]
    labels = {"alertname": case.alert, "alertstate": "firing", "severity": severity, **(case.fires or {})}
    fired = "ALERTS{" + ",".join(f'{label}="{value}"' for label, value in labels.items()) + "}"
    unit = {
        "interval": "1m",
        "input_series": [{"series": series, "values": values} for series, values in case.series.items()],
        "promql_expr_test": [
            {
                "expr": f'ALERTS{{alertname="{case.alert}",alertstate="firing"}}',
                "eval_time": case.at,
                "exp_samples": [] if case.fires is None else [{"labels": fired, "value": 1}],
            }
        ],
    }
    content = {"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": [unit]}
    (tmp_path / "unit.yaml").write_text(yaml.safe_dump(content))
    assert "SUCCESS" in promtool("test", "rules", tmp_path / "unit.yaml")


def test_every_alert_is_seen_firing_and_seen_quiet() -> None:
    assert {case.alert for case in CASES.values() if case.fires is not None} == set(alerts())
    assert {case.alert for case in CASES.values() if case.fires is None} == set(alerts())


def test_a_case_that_is_wrong_is_found(tmp_path: Path) -> None:
    expected = [{"labels": 'ALERTS{alertname="FairleadWatchStale"}', "value": 1}]
    unit = {"promql_expr_test": [{"expr": "ALERTS", "eval_time": "0", "exp_samples": expected}]}
    (tmp_path / "unit.yaml").write_text(yaml.safe_dump({"rule_files": [str(RULES)], "tests": [unit]}))
    with pytest.raises(AssertionError, match="FAILED"):
        promtool("test", "rules", tmp_path / "unit.yaml")
