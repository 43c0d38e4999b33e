"""How many descriptors this process may open, and how many connections that leaves room for."""

import logging
import resource
from dataclasses import replace

from fairlead_proxy.server.limits import Limits

RESERVED = 64
"""For the listeners, the admin port, files and the log."""

FEW = 1000
"""Below this, somebody should look at the limit; a default."""

log = logging.getLogger(__name__)


def raise_descriptor_limit() -> int:
    """Raise the soft limit to the hard one; return what may be open now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):
            return soft
    return hard


def fit(limits: Limits, descriptors: int) -> Limits:
    """Return limits under which connections run out before descriptors do: each may need one upstream as well."""
    room = max(1, (descriptors - RESERVED) // 2)
    if descriptors <= 0 or room >= limits.max_connections:
        return limits
    if room < FEW:
        fields = {"max_connections": room, "open_files": descriptors}
        log.warning("few connections can be held: the limit of open files is low", extra=fields)
    return replace(limits, max_connections=room, max_in_flight=min(limits.max_in_flight, room))
