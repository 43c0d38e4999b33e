"""The certificates that listeners show, out of the key ring: renewed under way, while their connections go on."""

import logging
import os
import ssl
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from fairlead_proxy.contract.keys import Certificate, KeyRing

log = logging.getLogger(__name__)


class Certificates:
    """One TLS context a listener. Whoever connects is shown the newest certificate that could be loaded.

    A connection keeps what it was shown, and a listener whose certificate is gone from the ring keeps its last one.
    """

    def __init__(self, listeners: Iterable[str]) -> None:
        self._contexts = {name: _context() for name in listeners}
        self._shown: dict[str, Certificate] = {}
        self._refused: dict[str, Certificate] = {}

    @property
    def lacking(self) -> tuple[str, ...]:
        """The listeners that have had no certificate yet: nobody can connect there."""
        return tuple(name for name in self._contexts if name not in self._shown)

    @property
    def expiries(self) -> Mapping[str, float]:
        """When the certificate that a listener shows ends, in Unix seconds; not where that is not known."""
        return {name: each.expires_at for name, each in self._shown.items() if each.expires_at}

    def context(self, listener: str) -> ssl.SSLContext:
        """Return what this listener takes connections with, for as long as the process lives."""
        return self._contexts[listener]

    def adopt(self, keys: KeyRing) -> None:
        """Show what the ring holds now; what cannot be loaded is told in the log, and the one before it stays."""
        for name, context in self._contexts.items():
            wanted = keys.certificates.get(name)
            if wanted is None or wanted in (self._shown.get(name), self._refused.get(name)):
                continue
            try:
                _load(_context(), wanted)  # one that takes half of it could not serve any more
                _load(context, wanted)
            except (ssl.SSLError, OSError) as error:
                self._refused[name] = wanted
                log.error("certificate refused", extra={"listener": name, "why": _reason(error)})
            else:
                self._shown[name] = wanted
                log.info("certificate loaded", extra={"listener": name})


def _context() -> ssl.SSLContext:
    """Return a context as Python's own defaults for servers have it: TLS 1.2 and 1.3, forward secrecy."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _load(context: ssl.SSLContext, certificate: Certificate) -> None:
    with _file_of(f"{certificate.key.rstrip()}\n{certificate.chain}".encode()) as path:
        # Without a password, an encrypted key would be asked for at the terminal.
        context.load_cert_chain(path, password=b"")


@contextmanager
def _file_of(data: bytes) -> Iterator[str]:
    """The ssl module reads files only: give it one that no disk ever holds, where the system can."""
    if not hasattr(os, "memfd_create"):
        with tempfile.NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            yield file.name
        return
    descriptor = os.memfd_create("certificate", os.MFD_CLOEXEC)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def _reason(error: Exception) -> str:
    return (error.reason if isinstance(error, ssl.SSLError) else None) or type(error).__name__
