"""Addresses: how they are read, and that a port in use is told before anything starts."""

import socket

import pytest

from fairlead_operator.cluster.local_listen import Address, AddressRefused, read_address, reserve


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8080", Address("127.0.0.1", 8080)),
        ("localhost:0", Address("localhost", 0)),
        ("[::1]:8080", Address("::1", 8080)),
        (":8080", Address("0.0.0.0", 8080)),
    ],
)
def test_an_address_is_read(text: str, address: Address) -> None:
    assert read_address(text, "--listen") == address


@pytest.mark.parametrize("text", ["8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:65536", "::1:8080"])
def test_what_is_no_address_is_refused_naming_the_option(text: str) -> None:
    with pytest.raises(AddressRefused, match=f"^--listen {text}: "):
        read_address(text, "--listen")


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("lab", False)],
)
def test_only_loopback_is_out_of_reach_of_others(host: str, loopback: bool) -> None:
    assert Address(host, 1).is_loopback is loopback


def test_an_ipv6_address_is_written_in_brackets() -> None:
    assert str(Address("::1", 8080)) == "[::1]:8080"


def test_port_zero_becomes_a_real_port_that_stays_reserved() -> None:
    address, reserved = reserve(Address("127.0.0.1", 0), "--listen")
    with reserved:
        assert reserved.getsockname() == ("127.0.0.1", address.port)


def test_a_worker_can_listen_on_a_reserved_port() -> None:
    address, reserved = reserve(Address("127.0.0.1", 0), "--listen")
    with reserved, socket.socket() as worker:
        worker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        worker.bind((address.host, address.port))
        worker.listen()
        with socket.create_connection((address.host, address.port), timeout=5):
            connection, _ = worker.accept()
            connection.close()


def test_a_port_on_which_somebody_listens_is_refused_even_if_it_could_be_shared() -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(AddressRefused, match="the port is in use; stop what listens there, or give another port"):
            reserve(Address("127.0.0.1", other.getsockname()[1]), "--listen")


def test_a_host_that_is_not_known_is_refused() -> None:
    with pytest.raises(AddressRefused, match="the host is not known"):
        reserve(Address("host.invalid", 0), "--listen")
