"""Who was let in, and on what: the part of a request's head that the service works out."""

from collections.abc import Mapping

from msgspec import Struct

from fairlead_proxy.config_source import Loaded
from fairlead_proxy.governance.identity import Identity


class Admission(Struct, frozen=True):
    """Whose call a head brings: what was in force when it was admitted, and what the gateway is told of its headers."""

    loaded: Loaded
    identity: Identity
    headers: Mapping[str, str]
    request_id: str
