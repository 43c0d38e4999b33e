"""The rules that the chart ships: promtool accepts them, they ask for what exists, and each alert has its page."""

import re

import pytest
from architecture.dashboards import FAULTLESS
from monitoring.exposition import Shown
from monitoring.expressions import unknown
from monitoring.promtool import ROOT, RULES, alerts, promtool, rules

from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.telemetry.decisions import outcome_word

PAGE = ROOT / "docs/guides/alerts.md"
ALERTS = alerts()


def test_promtool_finds_nothing_to_complain_of() -> None:
    assert f"SUCCESS: {len(list(rules()))} rules found" in promtool("check", "rules", "--lint-fatal", RULES)


@pytest.mark.parametrize("rule", list(rules()), ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_asks_only_for_what_is_shown(rule: dict[str, str], shown: Shown) -> None:
    assert unknown(rule["expr"], shown) == []


@pytest.mark.parametrize(
    ("expression", "missing"),
    [
        ("rate(fairlead_request_total[5m])", ["fairlead_request_total"]),
        ('fairlead_requests_total{status="5xx"}', ["fairlead_requests_total{status}"]),
        ("sum by (tenant) (fairlead_requests_total)", ["by (tenant)"]),
        ('sum by (gateway, code) (fairlead_requests_total{reason!="a=b"})', []),
    ],
)
def test_what_nobody_shows_is_found(expression: str, missing: list[str], shown: Shown) -> None:
    assert unknown(expression, shown) == missing


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_how_bad_it_is_what_it_means_and_where_to_read_on(name: str) -> None:
    alert = ALERTS[name]
    assert name.startswith("Fairlead")
    assert alert["labels"]["severity"] in {"critical", "warning"}
    assert set(alert["annotations"]) == {"summary", "description", "runbook_url"}
    assert all(alert["annotations"].values())
    page, _, anchor = alert["annotations"]["runbook_url"].partition("#")
    assert page == "https://github.com/fairlead-dev/fairlead/blob/main/docs/guides/alerts.md"
    assert anchor == name.lower()


def test_the_page_has_a_section_for_each_alert_and_for_no_other() -> None:
    assert re.findall(r"^## (\w+)$", PAGE.read_text(), flags=re.MULTILINE) == list(ALERTS)


@pytest.mark.parametrize("name", ALERTS)
def test_a_section_says_what_to_look_at_and_what_to_do(name: str) -> None:
    section = PAGE.read_text().partition(f"## {name}\n")[2].partition("\n## ")[0]
    assert all(f"**{word}**" in section for word in ("Means", "Look", "Do"))


def test_outcomes_that_are_nobodys_fault_are_outcomes() -> None:
    known = {outcome_word(None), *(outcome_word(each) for each in FailureClass)}
    assert set(FAULTLESS.split("|")) <= known
    assert f'outcome!~"{FAULTLESS}"' in RULES.read_text()
