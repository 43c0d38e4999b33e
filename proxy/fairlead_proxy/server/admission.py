"""Who was let in, and on what: the part of a request's head that the service works out."""

from collections.abc import Mapping

from msgspec import Struct

from fairlead_proxy.config_source import Loaded
from fairlead_proxy.governance.identity import Identity
from fairlead_proxy.server.surfaces import Surface


class Admission(Struct, frozen=True):
    """Whose call a head brings: what was in force when it was admitted, and what the gateway is told of its headers.

    `surface`: where it is made; None for what is no call.
    """

    loaded: Loaded
    identity: Identity
    headers: Mapping[str, str]
    request_id: str
    surface: Surface | None = None
