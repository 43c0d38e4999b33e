"""The mock and the generator against each other: both do, and see, what the measurements rely on."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fairlead_bench.install import go_programs
from fairlead_bench.load import Call, Generator, LoadReport, Work
from fairlead_bench.mock import OK, Mock
from fairlead_bench.places import BENCH

pytestmark = pytest.mark.skipif(shutil.which("go") is None, reason="Go is not installed: it builds mock and generator")

STREAMS = Work(connections=2, calls=4, seconds=10, stream=True, order="tokens=10 gap=1")


@pytest.fixture(scope="module")
def programs() -> Path:
    return go_programs()


@pytest.fixture
def mock(programs: Path, tmp_path: Path) -> Iterator[Mock]:
    started = Mock(programs, tmp_path)
    yield started
    started.close()


@pytest.fixture
def generator(programs: Path) -> Generator:
    return Generator(programs)


def report_of(generator: Generator, mock: Mock, work: Work) -> LoadReport:
    call = Call(f"{mock.upstreams.url(OK)}/chat/completions", "mock", ("Authorization: Bearer key",))
    return generator.finish(generator.begin(call, work))


def test_every_plain_call_is_answered_and_counted_on_both_sides(mock: Mock, generator: Generator) -> None:
    report = report_of(generator, mock, Work(connections=4, calls=100))
    assert (report.good, report.failed, report.served[OK].calls) == (100, 0, 100)
    assert mock.count(OK, "answered") == 100


def test_a_large_prompt_arrives_whole(mock: Mock, generator: Generator) -> None:
    assert report_of(generator, mock, Work(connections=1, calls=2, bytes=1_000_000)).good == 2


def test_every_token_of_a_stream_is_seen(mock: Mock, generator: Generator) -> None:
    report = report_of(generator, mock, STREAMS)
    assert report.endings == {"tokens=10 errors=0 done=true whole=true": 4}
    assert report.tokens == mock.count(OK, "tokens") == 40


@pytest.mark.parametrize(
    ("fault", "ending"),
    [
        ("fin", "tokens=5 errors=0 done=false whole=false"),
        ("rst", "tokens=5 errors=0 done=false whole=false"),
        ("errorevent", "tokens=5 errors=1 done=false whole=true"),
    ],
)
def test_a_stream_breaks_as_it_was_ordered_to(mock: Mock, generator: Generator, fault: str, ending: str) -> None:
    work = Work(connections=2, calls=4, seconds=10, stream=True, order=f"tokens=10 gap=1 fault={fault}")
    report = report_of(generator, mock, work)
    assert (report.endings, report.good) == ({ending: 4}, 0)


@pytest.mark.parametrize(
    ("mode", "failure"), [("500", "status 500"), ("429", "status 429"), ("reset", "reset"), ("hang", "timeout")]
)
def test_a_mode_fails_every_call(mock: Mock, generator: Generator, mode: str, failure: str) -> None:
    mock.set_mode(OK, mode)
    report = report_of(generator, mock, Work(connections=1, calls=2, timeout=0.3))
    mock.set_mode(OK, "ok")
    assert report.failures == {failure: 2}


def test_a_port_that_was_closed_opens_again(mock: Mock, generator: Generator) -> None:
    mock.set_mode("backup", "closed")
    mock.set_mode("backup", "ok")
    call = Call(f"{mock.upstreams.url('backup')}/chat/completions", "mock")
    assert generator.finish(generator.begin(call, Work(connections=1, calls=1))).good == 1


def test_the_go_code_is_formatted_and_its_own_tests_pass() -> None:
    formatted = subprocess.run(["gofmt", "-l", "."], cwd=BENCH / "load", capture_output=True, text=True, check=True)
    assert formatted.stdout == ""
    for command in (["go", "vet", "./..."], ["go", "test", "./..."]):
        done = subprocess.run(command, cwd=BENCH / "load", capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr + done.stdout
