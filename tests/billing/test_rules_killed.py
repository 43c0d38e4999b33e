"""A proxy that is killed loses what ended within its last second, and no more; how much that is can be counted (B8)."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPException
from itertools import cycle
from pathlib import Path

import pytest
from billing.demands import check_exact
from billing.house import CELLS, MODES, Got, House, billing_house
from billing.spooled import read_spool
from doubles.figures import Figures
from doubles.invoice import NOTHING
from doubles.processes import eventually

FLUSH_SECONDS = 1.0
"""How long a record may be under way to the disk."""
CALLERS = 4


@dataclass
class Made:
    """What callers saw until the proxy was killed, and when, in Unix seconds, each answer was whole."""

    answered: dict[str, tuple[Got, float]] = field(default_factory=dict)
    killed: threading.Event = field(default_factory=threading.Event)


def keep_calling(house: House, made: Made, mode: str, first: int) -> None:
    cells = [cell for cell in CELLS if cell.mode == mode]
    for cell in cycle(cells[first:] + cells[:first]):
        if made.killed.is_set():
            return
        try:
            got = house.ask(cell.caller, cell.provider, stream=cell.stream)
        except (OSError, HTTPException):
            return
        if not got.cut:
            made.answered[got.decision] = (got, time.time())


@pytest.mark.parametrize("mode", MODES)
def test_b8_what_a_killed_proxy_loses_ended_in_its_last_second_and_is_counted(
    tmp_path: Path, mode: str, figures: Figures
) -> None:
    with billing_house(tmp_path) as house:
        house.upstream.behave(tokens=9, input_tokens=777)
        made = Made()
        with ThreadPoolExecutor(CALLERS) as pool:
            ends = [pool.submit(keep_calling, house, made, mode, 8 * number) for number in range(CALLERS)]
            eventually(lambda: house.booked() > 100, within=30)
            house.proxy.process.kill()
            made.killed.set()
            killed_at = time.time()
            for each in ends:
                each.result(timeout=30)
        house.proxy.process.wait(timeout=10)
        lines = {line.tag: line for line in house.upstream.invoice()}
    records, counters = read_spool(house.spool), house.counters()

    booked = {record.call for record in records}
    assert len(booked) == len(records) == counters.spooled
    assert counters.dropped == 0
    for record in records:
        if record.call in made.answered:
            got, _ = made.answered[record.call]
            check_exact(record, lines[got.tag], record.provider.partition("/")[2])

    lost = counters.began - counters.spooled
    missing = {call: ended for call, (_, ended) in made.answered.items() if call not in booked}
    charged = sum(line.charge != NOTHING for line in lines.values())
    assert charged - len(records) <= lost, "charged for more than was booked, or is counted as lost"
    assert len(missing) <= lost <= len(missing) + CALLERS, "counted as lost: what ended unbooked, or was under way"
    longest = max((killed_at - ended for ended in missing.values()), default=0.0)
    figures.hold(f"{mode} calls: a record is on disk", longest, bound=FLUSH_SECONDS)
    assert longest <= FLUSH_SECONDS + 0.5
