"""The spool on disk: its form, its bound, and what a full disk or a killed process leaves."""

import fcntl
import json
import os
import signal
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from doubles.processes import eventually

from fairlead_proxy.contract.usage_record import BEGAN, COUNTERS_FILE, DROPPED, LOCK_FILE, SPOOLED
from fairlead_proxy.telemetry.spool import LEAST_SEGMENT_BYTES, Spool, open_spool

MIB = 1024 * 1024
KIND, OTHER = '{"kind":0}\n', '{"kind":1}\n'


def entry(kind: int, call: int, *, padding: int = 0) -> str:
    return json.dumps([kind, f"c{call}" + "x" * padding]) + "\n"


def segments(root: Path) -> dict[str, str]:
    return {path.name.removesuffix(".spool").lstrip("0") or "0": path.read_text() for path in root.glob("*/*.spool")}


def wrote(spool: Spool, records: int) -> None:
    eventually(lambda: spool.counters[SPOOLED] == records, within=10)


def test_kinds_stand_before_the_entries_that_name_them(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "proxy-1", 1700, MIB)
    spool.append([KIND], [entry(0, 1)], renew=True)
    spool.append([OTHER], [entry(1, 2), entry(0, 3)], renew=False)
    spool.close()
    assert [path.name for path in tmp_path.iterdir()] == ["proxy-1-1700"]
    assert segments(tmp_path) == {"0": KIND + entry(0, 1) + OTHER + entry(1, 2) + entry(0, 3)}


def test_a_segment_is_named_by_its_first_record_and_stands_alone(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "p", 1, MIB)
    spool.append([KIND, OTHER], [entry(0, 1, padding=LEAST_SEGMENT_BYTES), entry(1, 2)], renew=True)
    wrote(spool, 2)
    spool.append([], [entry(1, 3)], renew=False)
    spool.close()
    assert segments(tmp_path)["2"] == KIND + OTHER + entry(1, 3)


def test_kinds_that_are_not_used_any_more_end_with_their_segment(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "p", 1, MIB)
    spool.append([KIND, OTHER], [entry(0, 1)], renew=True)
    spool.append([KIND], [entry(0, 2)], renew=True)
    spool.close()
    assert segments(tmp_path) == {"0": KIND + OTHER + entry(0, 1), "1": KIND + entry(0, 2)}


def test_a_spool_that_is_full_lets_its_oldest_segments_go_and_takes_what_is_new(tmp_path: Path) -> None:
    limit = 4 * LEAST_SEGMENT_BYTES
    spool = Spool(tmp_path, "p", 1, limit)
    for number in range(20):
        spool.append([KIND] if not number else [], [entry(0, number, padding=LEAST_SEGMENT_BYTES)], renew=not number)
    spool.close()
    kept = segments(tmp_path)
    assert sum(map(len, kept.values())) <= limit + LEAST_SEGMENT_BYTES
    assert "19" in kept
    assert "0" not in kept
    assert sorted(map(int, kept)) == list(range(20 - len(kept), 20))


def test_what_others_have_left_in_the_spool_counts_and_goes_first(tmp_path: Path) -> None:
    before = tmp_path / "gone-0"
    before.mkdir()
    for name in ("00", "01"):
        (before / f"{name}.spool").write_bytes(bytes(4 * LEAST_SEGMENT_BYTES))
        os.utime(before / f"{name}.spool", (1, 1))
    spool = Spool(tmp_path, "p", 1, 4 * LEAST_SEGMENT_BYTES)
    spool.append([KIND], [entry(0, 1)], renew=True)
    spool.close()
    assert list(before.iterdir()) == []


def test_what_another_process_writes_stays_whatever_there_is_room_for(tmp_path: Path) -> None:
    other = Spool(tmp_path, "other", 1, 64 * MIB)
    other.append([KIND], [entry(0, 1, padding=4 * LEAST_SEGMENT_BYTES)], renew=True)
    wrote(other, 1)
    for segment in tmp_path.glob("other-1/*.spool"):
        os.utime(segment, (1, 1))
    spool = Spool(tmp_path, "p", 1, 4 * LEAST_SEGMENT_BYTES)
    spool.append([KIND], [entry(0, 1)], renew=True)
    spool.close()
    assert len(list(tmp_path.glob("other-1/*.spool"))) == 1
    other.close()


def test_lives_that_are_over_keep_to_the_bound_together(tmp_path: Path) -> None:
    limit = 4 * LEAST_SEGMENT_BYTES
    for life in range(12):
        spool = Spool(tmp_path, "p", life, limit)
        spool.append([KIND], [entry(0, 1, padding=LEAST_SEGMENT_BYTES)], renew=True)
        spool.close()
    assert sum(path.stat().st_size for path in tmp_path.glob("*/*.spool")) <= limit + LEAST_SEGMENT_BYTES


def test_many_kinds_do_not_end_segments(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "p", 1, MIB)
    many = [f'{{"kind":{number},"of":"{"x" * 600}"}}\n' for number in range(300)]
    spool.append(many, [entry(0, 0)], renew=True)
    for number in range(1, 20):
        spool.append([], [entry(number, number)], renew=False)
    spool.close()
    assert len(segments(tmp_path)) == 1


NO_ROOM = """
import resource, sys
from pathlib import Path
from fairlead_proxy.telemetry.spool import open_spool
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
spool = open_spool(Path(sys.argv[1]), "p", 1, 1 << 20)
spool.counters[0] += 2
spool.append(['{"kind":0}\\n'], ['[0,"a"]\\n', '[0,"b"]\\n'], renew=True)
spool.close()
print(list(spool.counters))
"""


def test_a_disk_without_room_for_a_spool_keeps_nobody_from_serving_and_what_is_lost_is_counted(tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", NO_ROOM, str(tmp_path)], capture_output=True, text=True, check=True)
    assert ended.stdout == "[2, 0, 2]\n"
    assert "no attempt is booked" in ended.stderr


def test_a_full_disk_loses_records_and_counts_them_and_it_goes_on_once_there_is_room(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "p", 1, MIB)
    full = tmp_path / "p-1" / f"{0:020}.spool"
    full.symlink_to("/dev/full")
    spool.append([KIND], [entry(0, 1), entry(0, 2)], renew=True)
    eventually(lambda: spool.counters[DROPPED] == 2, within=10)
    full.unlink()
    spool.append([], [entry(0, 3)], renew=False)
    wrote(spool, 1)
    spool.close()
    assert segments(tmp_path) == {"0": KIND + entry(0, 3)}


def test_a_disk_that_stalls_holds_up_nobody(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "p", 1, MIB)
    stalling = tmp_path / "p-1" / f"{0:020}.spool"
    os.mkfifo(stalling)  # to open it for writing waits for a reader
    taken = sum(spool.append([KIND] if not n else [], [entry(0, n)], renew=not n) for n in range(1000))
    assert 0 < taken < 1000
    assert spool.counters[DROPPED] == 1000 - taken
    reader = os.open(stalling, os.O_RDONLY)
    wrote(spool, taken)
    os.close(reader)
    spool.close()


def test_a_directory_that_cannot_be_made_is_an_error_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError):
        open_spool(tmp_path / "file", "p", 1, MIB)


KILLED = """
import sys, time
from pathlib import Path
from fairlead_proxy.contract.usage_record import BEGAN, SPOOLED
from fairlead_proxy.telemetry.spool import Spool
spool = Spool(Path(sys.argv[1]), "p", 1, 1 << 20)
spool.counters[BEGAN] += 3
spool.append(['{"kind":0}\\n'], ['[0,"a"]\\n', '[0,"b"]\\n'], renew=True)
while spool.counters[SPOOLED] < 2:
    time.sleep(0.01)
print("there", flush=True)
time.sleep(60)
"""


def test_a_killed_process_leaves_its_records_its_counts_and_no_lock(tmp_path: Path) -> None:
    killed = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE)
    assert killed.stdout is not None
    assert killed.stdout.readline() == b"there\n"
    lock = os.open(tmp_path / "p-1" / LOCK_FILE, os.O_RDWR)
    with pytest.raises(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    killed.stdout.close()
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(lock)
    counters = struct.unpack("QQQ", (tmp_path / "p-1" / COUNTERS_FILE).read_bytes())
    assert (counters[BEGAN], counters[SPOOLED], counters[DROPPED]) == (3, 2, 0)
    assert segments(tmp_path) == {"0": KIND + '[0,"a"]\n[0,"b"]\n'}
