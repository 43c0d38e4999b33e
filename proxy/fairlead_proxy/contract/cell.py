"""The grain at which health is kept: one credential of a provider, for one model, in one mode."""

from typing import NamedTuple

from fairlead_proxy.contract.names import Mode


class Cell(NamedTuple):
    """Provider × credential × model × mode: each has its own breaker and its own window."""

    provider: str
    credential: str
    model: str
    mode: Mode
