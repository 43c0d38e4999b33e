"""Commands of `fairlead` run within the test's own process."""

from collections.abc import Callable

from typer.testing import CliRunner, Result

from fairlead_operator.cli.app import app

Invoke = Callable[..., Result]


def invoke(*arguments: object, environ: dict[str, str] | None = None, stdin: str = "") -> Result:
    """Run `fairlead` with these arguments; the environment holds `environ` beside what it held."""
    return CliRunner(env=environ or {}).invoke(app, [str(argument) for argument in arguments], input=stdin)
