"""The entry point `fairlead`: answers --version at once, and leaves everything else to the commands."""

import resource
import sys
from importlib.metadata import PackageNotFoundError, version


def main() -> None:
    """Run the command line; typer alone takes longer to import than --version may take to answer."""
    if sys.argv[1:] == ["--version"]:
        print(f"fairlead {installed_version()}")
        return
    _forbid_core_dumps()
    from fairlead_operator.cli.app import app

    app()


def installed_version() -> str:
    try:
        return version("fairlead")
    except PackageNotFoundError:
        return "(not installed)"


def _forbid_core_dumps() -> None:
    """Keep this process, and all that it starts, from leaving its memory behind: keys are in it.

    Linux writes no file below a page, but hands a dump of whatever limit to a program if the node names one, except at
    exactly 1, which is kept for such programs themselves. Source: fs/coredump.c of Linux, do_coredump.
    """
    _, highest = resource.getrlimit(resource.RLIMIT_CORE)
    limit = 0 if highest == 0 else 1
    resource.setrlimit(resource.RLIMIT_CORE, (limit, limit))


if __name__ == "__main__":
    main()
