"""What is wrong on the command line is said in one line, at once."""

from pathlib import Path

import pytest

from fairlead_proxy.cli import main
from fairlead_proxy.server.address import Address


@pytest.mark.parametrize("address", ["8080", "localhost:http", "127.0.0.1:99999", "127.0.0.1:-1", "unix:"])
def test_an_address_that_is_none_is_one_line_and_exit_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], address: str
) -> None:
    assert main(["serve", "--config", str(tmp_path), "--listen", address]) == 2
    said = capsys.readouterr().err
    assert said.startswith("fairlead-proxy: --listen ")
    assert said.endswith("give HOST:PORT\n")
    assert said.count("\n") == 1


def test_the_admin_address_is_named_where_it_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--config", str(tmp_path), "--listen", "127.0.0.1:0", "--admin", "9090"]) == 2
    assert "--admin '9090'" in capsys.readouterr().err


@pytest.mark.parametrize("duration", ["8", "s", "-8s", "8s ", "8 s", "1d", ""])
def test_a_duration_that_is_none_is_exit_2(tmp_path: Path, capsys: pytest.CaptureFixture[str], duration: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["serve", "--config", str(tmp_path), "--listen", "127.0.0.1:0", f"--drain-delay={duration}"])
    assert ended.value.code == 2
    assert "is not a duration" in capsys.readouterr().err


@pytest.mark.parametrize("number", ["0", "-1", "many", "1.5"])
def test_a_limit_that_is_no_number_above_0_is_exit_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], number: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["serve", "--config", str(tmp_path), "--listen", "127.0.0.1:0", f"--max-in-flight={number}"])
    assert ended.value.code == 2
    assert "is not a number above 0" in capsys.readouterr().err


def test_without_a_command_the_usage_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert capsys.readouterr().err.startswith("usage: fairlead-proxy")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8080", Address("127.0.0.1", 8080)),
        ("[::1]:8080", Address("::1", 8080)),
        (":8080", Address("", 8080)),
        ("localhost:0", Address("localhost", 0)),
        ("unix:/run/a.sock", Address(path="/run/a.sock")),
    ],
)
def test_an_address_is_read_as_it_is_written(text: str, address: Address) -> None:
    assert Address.of(text) == address
    assert str(address) == text
