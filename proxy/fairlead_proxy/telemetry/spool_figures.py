"""Shows how the ledger does: attempts begun, booked and lost, and what its shipper says of each store."""

import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from fairlead_proxy.contract.usage_record import BEGAN, DROPPED, SHIP_FILE, SPOOLED, ShipReport

SILENT_SECONDS = 30.0
"""A shipper tells of itself every ten seconds, whatever happens: one that has not for so long is not there."""

_REPORT = msgspec.json.Decoder(ShipReport)


class SpoolFigures(Collector):
    """Reads the spool's counters, and the file that its shipper leaves in the spool's `root`, at each scrape."""

    def __init__(self, counters: memoryview, root: Path) -> None:
        self._counters = counters
        self._root = root

    def collect(self) -> Iterator[Metric]:
        records = CounterMetricFamily(
            "fairlead_ledger_records",
            "Attempts: those that began, were spooled, and were dropped. Those that are neither are under way.",
            labels=("state",),
        )
        for state, place in (("began", BEGAN), ("spooled", SPOOLED), ("dropped", DROPPED)):
            records.add_metric((state,), self._counters[place])
        yield records
        yield from self._sinks()

    def describe(self) -> Iterator[Metric]:
        """Nothing to read before the first scrape."""
        return iter(())

    def _sinks(self) -> Iterator[Metric]:
        try:
            report = _REPORT.decode((self._root / SHIP_FILE).read_bytes())
        except (OSError, msgspec.MsgspecError):  # no shipper has been here yet
            return
        up = GaugeMetricFamily(
            "fairlead_ledger_sink_up", "1 if the store took the last batch, and its shipper lives.", labels=("sink",)
        )
        waiting = GaugeMetricFamily(
            "fairlead_ledger_unshipped_records", "Records that are spooled and not yet in the store.", labels=("sink",)
        )
        lost = CounterMetricFamily(
            "fairlead_ledger_lost_records", "Records that the store will never have.", labels=("sink", "reason")
        )
        heard = abs(time.time() - report.at) < SILENT_SECONDS
        for name, sink in report.sinks.items():
            up.add_metric((name,), int(sink.up and heard))
            waiting.add_metric((name,), sink.unshipped)
            for reason, number in sink.lost.items():
                lost.add_metric((name, reason), number)
        yield from (up, waiting, lost)
