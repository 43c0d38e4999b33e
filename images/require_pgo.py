"""Refuses a base image whose Python was built without profile-guided optimisation: every call would cost more there."""

import sys
import sysconfig

_REMEDY = (
    "was built without profile-guided optimisation (its CONFIG_ARGS lack --enable-optimizations); build from a BASE "
    "that has it, as docker.io/library/python does, or allow this one with --build-arg ANY_PYTHON=1"
)


def main() -> None:
    """End with 1 and one line that names the remedy, where this Python's own account of its build lacks the option."""
    if "--enable-optimizations" not in str(sysconfig.get_config_var("CONFIG_ARGS")):
        sys.exit(f"BASE: its Python {sys.version.split()[0]} {_REMEDY}")


if __name__ == "__main__":
    main()
