"""What the metrics say of the ledger: what the proxy counted, and what its shipper last told."""

import time
from pathlib import Path

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from fairlead_proxy.contract.usage_record import SHIP_FILE, ShipReport, SinkReport
from fairlead_proxy.telemetry.spool_figures import SILENT_SECONDS, SpoolFigures


def figures(root: Path) -> CollectorRegistry:
    counters = memoryview(bytearray(24)).cast("Q")
    counters[0], counters[1], counters[2] = 7, 4, 2
    registry = CollectorRegistry()
    registry.register(SpoolFigures(counters, root))
    return registry


def tell(root: Path, at: float, *, up: bool = True) -> None:
    sinks = {"sqlite": SinkReport(up=up, unshipped=3, lost={"killed": 2})}
    (root / SHIP_FILE).write_bytes(msgspec.json.encode(ShipReport(at=at, sinks=sinks)))


def test_attempts_are_shown_by_what_became_of_them(tmp_path: Path) -> None:
    registry = figures(tmp_path)
    shown = {
        state: registry.get_sample_value("fairlead_ledger_records_total", {"state": state})
        for state in ("began", "spooled", "dropped")
    }
    assert shown == {"began": 7, "spooled": 4, "dropped": 2}
    assert registry.get_sample_value("fairlead_ledger_sink_up", {"sink": "sqlite"}) is None


@pytest.mark.parametrize(("up", "age", "shown"), [(True, 0.0, 1), (False, 0.0, 0), (True, SILENT_SECONDS + 5, 0)])
def test_a_store_is_up_while_its_shipper_says_so_and_lives(tmp_path: Path, up: bool, age: float, shown: int) -> None:
    tell(tmp_path, time.time() - age, up=up)
    registry = figures(tmp_path)
    assert registry.get_sample_value("fairlead_ledger_sink_up", {"sink": "sqlite"}) == shown
    assert registry.get_sample_value("fairlead_ledger_unshipped_records", {"sink": "sqlite"}) == 3
    lost = {"sink": "sqlite", "reason": "killed"}
    assert registry.get_sample_value("fairlead_ledger_lost_records_total", lost) == 2


def test_a_report_that_cannot_be_read_harms_no_scrape(tmp_path: Path) -> None:
    (tmp_path / SHIP_FILE).write_text("{")
    assert figures(tmp_path).get_sample_value("fairlead_ledger_records_total", {"state": "began"}) == 7
