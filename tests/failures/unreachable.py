"""Providers that no server of HTTP can play: nobody listens, nobody has the name, nobody trusts the certificate."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import trustme
from doubles.processes import scripted_upstream

PATIENCE_SECONDS = 10.0
"""How long one that connects and says nothing keeps the next one waiting."""


@contextmanager
def unreachable_hosts() -> Iterator[dict[str, str]]:
    """Yield where each of them stands, by its name."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)  # of the right name, by an authority of its own
    with (
        _listening(lambda accepted: _shake_hands(accepted, context)) as untrusted,
        _listening(_speak_plainly) as plain,
        scripted_upstream() as resetting,
        socket.socket() as silent,
    ):
        resetting.behave("reset_on_accept")
        silent.bind(("127.0.0.1", 0))  # bound, so that nobody else listens there; not listening itself
        yield {
            "connection-refused": f"http://127.0.0.1:{silent.getsockname()[1]}",
            "reset-on-accept": resetting.root,
            "name-not-known": "http://nowhere.invalid",  # RFC 6761, section 6.4: never resolves
            "certificate-not-trusted": f"https://127.0.0.1:{untrusted}",
            "no-tls-there": f"https://127.0.0.1:{plain}",
        }


@contextmanager
def _listening(greet: Callable[[socket.socket], None]) -> Iterator[int]:
    """Greet whoever connects, one after the other, and close; yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_greet_all, args=(listener, greet))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _greet_all(listener: socket.socket, greet: Callable[[socket.socket], None]) -> None:
    while True:
        try:
            accepted, _ = listener.accept()
        except OSError:
            return
        accepted.settimeout(PATIENCE_SECONDS)
        with accepted, suppress(OSError):
            greet(accepted)


def _shake_hands(accepted: socket.socket, context: ssl.SSLContext) -> None:
    """As far as the other side goes: it does not trust us."""
    context.wrap_socket(accepted, server_side=True).close()


def _speak_plainly(accepted: socket.socket) -> None:
    accepted.recv(65536)
    accepted.sendall(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
