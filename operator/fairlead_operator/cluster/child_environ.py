"""What child processes of a standalone run get of its environment: what they need, and never a key."""

from collections.abc import Mapping

_NAMES = frozenset({"HOME", "LANG", "LOGNAME", "PATH", "TERM", "TMPDIR", "TZ", "USER", "VIRTUAL_ENV"})
_PREFIXES = ("LC_", "LD_", "MALLOC_", "OPENSSL_", "PYTHON", "SSL_CERT_", "XDG_")
"""What the C library, OpenSSL and Python themselves look at."""


def child_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the part of the environment that is handed on.

    Whatever may be a key (`${NAME}` in the files of a run) stays with the process that reads the files.
    """
    return {name: value for name, value in environ.items() if name in _NAMES or name.startswith(_PREFIXES)}
