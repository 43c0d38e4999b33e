"""How much one client, and all of them together, may ask of this process."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Defaults: design, section 6, and field notes on reliability (D2, D4, D5, D9)."""

    head_seconds: float = 10.0
    head_bytes: int = 60 * 1024
    header_count: int = 100
    target_bytes: int = 8 * 1024
    body_bytes: int = 32 * 1024 * 1024
    body_grace_seconds: float = 10.0
    body_bytes_per_second: int = 1024
    held_bytes: int = 512 * 1024 * 1024
    """All bodies of calls under way together; each stands once as it came and once as it is sent on."""
    inflate_ratio: int = 100
    idle_seconds: float = 75.0
    write_buffer_bytes: int = 128 * 1024
    write_seconds: float = 60.0
    linger_seconds: float = 2.0
    max_in_flight: int = 4096
    max_connections: int = 16384
