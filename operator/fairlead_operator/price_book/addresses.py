"""Which addresses a list of prices is for: those of its vendor, however much another one looks like them."""

import re
from urllib.parse import urlsplit

_END = r"(?:(?<=/)|(?=/)|\Z)"
"""Whatever a pattern matches ends where a host does, or a part of a path."""

_TOP_LEVEL = r"[a-z]+"
"""What completes a pattern that ends within a host, at a dot, as Moonshot's does, which has two top-level domains."""


def is_at(url: str, pattern: str) -> bool:
    """Say whether a url is one that a pattern of the book's package is for. Port, query and user are not looked at.

    The patterns are made for the start of a url. Some have a part for any subdomain, which would run on into the path:
    without its dots the path has nothing that a host's name could be found in.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    if not host:
        return False
    plain = f"{parts.scheme}://{host}{parts.path.replace('.', '_')}"
    rest = _TOP_LEVEL if pattern.endswith(r"\.") else ""
    return re.match(f"(?:{pattern}){rest}{_END}", plain) is not None


def host_of(url: str) -> str:
    """Return the host of a url; the url where it has none."""
    try:
        return urlsplit(url).hostname or url
    except ValueError:
        return url
