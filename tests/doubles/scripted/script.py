"""What the scripted provider does now, as its control port is told."""

from dataclasses import dataclass, field
from typing import Any

from doubles.scripted.behaviour import Behaviour


@dataclass
class Script:
    """`keys` overrides the behaviour for one API key, or for one access key or token. `down`: nothing listens."""

    behaviour: Behaviour = field(default_factory=Behaviour)
    keys: dict[str, Behaviour] = field(default_factory=dict)
    models_status: int = 200
    down: bool = False
    lenient: bool = False
    """Requests are not held to their vendor's rules."""
    strict_credentials: bool = False
    """Requests need the credential that their vendor demands. What follows says which are good."""
    api_keys: list[str] = field(default_factory=list)
    """The keys that are good; empty: whatever is there."""
    aws_access_key: str = ""
    aws_secret_key: str = ""
    """What signs for the access key; empty: signatures are not recomputed."""
    aws_session_token: str = ""
    google_public_key: str = ""
    """In PEM: what assertions are signed for; empty: their signature is not looked at."""
    entra_secret: str = ""
    """The client's secret; empty: whatever is there."""
    token_status: int = 200
    """The token endpoints answer so."""
    token_seconds: int = 3600
    """How long a token is good."""

    @classmethod
    def of(cls, content: dict[str, Any]) -> "Script":
        given = {name: value for name, value in content.items() if name not in ("behaviour", "keys")}
        return cls(
            behaviour=Behaviour(**content.get("behaviour", {})),
            keys={key: Behaviour(**each) for key, each in content.get("keys", {}).items()},
            **given,
        )
