"""The entry point `fairlead`: answers --version at once, and leaves everything else to the commands."""

import sys
from importlib.metadata import PackageNotFoundError, version


def main() -> None:
    """Run the command line; typer alone takes longer to import than --version may take to answer."""
    if sys.argv[1:] == ["--version"]:
        print(f"fairlead {installed_version()}")
        return
    from fairlead_operator.cli.app import app

    app()


def installed_version() -> str:
    try:
        return version("fairlead")
    except PackageNotFoundError:
        return "(not installed)"


if __name__ == "__main__":
    main()
