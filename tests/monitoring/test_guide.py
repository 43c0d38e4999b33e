"""The guide to monitoring: its table of metrics is what is shown, and its example for a Prometheus alone holds."""

import re
from pathlib import Path

import yaml
from monitoring.exposition import Shown
from monitoring.promtool import ROOT, RULES, promtool

PAGE = (ROOT / "docs/guides/monitoring.md").read_text()
DISCOVERY = "kubernetes_sd_configs: [{role: pod}]"
ROW = re.compile(r"^\| `(fairlead_\w+)` \|([^|]*)\| .+ \|$", re.MULTILINE)


def told() -> dict[str, frozenset[str]]:
    """Return the labels of each metric, as the table has them."""
    return {name: frozenset(re.findall(r"`(\w+)`", labels)) for name, labels in ROW.findall(PAGE)}


def test_the_table_holds_every_metric_with_its_labels(shown: Shown) -> None:
    samples = {name: labels for name, labels in shown.items() if ":" not in name and not name.endswith("_created")}
    families: dict[str, frozenset[str]] = {}
    for name, labels in samples.items():
        if name.startswith("fairlead_"):
            families[re.sub("_(bucket|sum|count)$", "", name)] = labels - {"le"}
    assert told() == families


def test_promtool_accepts_the_example_for_a_prometheus_alone(tmp_path: Path) -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    (example,) = [block for block in blocks if "scrape_configs" in block]
    (tmp_path / "rules.yaml").write_text(RULES.read_text())
    # Debian builds Prometheus without this discovery.
    assert example.count(DISCOVERY) == 2
    (tmp_path / "prometheus.yaml").write_text(example.replace(DISCOVERY, "static_configs: []"))
    assert "SUCCESS" in promtool("check", "config", tmp_path / "prometheus.yaml")


def test_rules_rely_on_no_label_of_a_target_that_the_example_does_not_make() -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    (proxies, operator) = next(yaml.safe_load(block)["scrape_configs"] for block in blocks if "scrape_configs" in block)
    assert {each.get("target_label") for each in proxies["relabel_configs"]} == {
        None, "gateway_namespace", "gateway", "pod"
    }  # fmt: skip
    assert {each.get("target_label") for each in operator["relabel_configs"]} == {None, "pod"}
