"""`${NAME}` and `${NAME:-default}` in the few values of a file that may name the environment."""

import re
from collections.abc import Mapping

_VARIABLE = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}")


class VariableUnset(Exception):
    """A variable without default that the environment does not hold; the message names it and the remedy."""


def expand(text: str, environ: Mapping[str, str]) -> str:
    """Return the text with its variables filled in, once: what comes in is not looked at again.

    A default stands in for a variable that is unset or empty, as in a shell. Raises VariableUnset.
    """

    def value_of(match: re.Match[str]) -> str:
        name, default = match["name"], match["default"]
        value = environ.get(name, "")
        if value or default is not None:
            return value or default or ""
        if name not in environ:
            raise VariableUnset(f"the environment variable {name} is not set; set it, or write ${{{name}:-default}}")
        return value

    return _VARIABLE.sub(value_of, text)
