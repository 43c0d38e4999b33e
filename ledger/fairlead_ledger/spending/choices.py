"""The closed choices of `fairlead cost`; importing them costs next to nothing."""

from enum import StrEnum


class By(StrEnum):
    """What the rows of an answer stand for."""

    NAMESPACE = "namespace"
    ROUTE = "route"
    PROVIDER = "provider"
    MODEL = "model"
    CALLER = "caller"


class Form(StrEnum):
    """How an answer is printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    FOCUS = "focus"
