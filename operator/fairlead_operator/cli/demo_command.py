"""`fairlead demo`: an outage in twenty seconds, with real processes and no provider's account."""

from typing import Annotated

import typer


def demo(
    calls: Annotated[int, typer.Option(min=40, max=10_000, help="How many calls are made in all.")] = 200,
    pace: Annotated[
        float, typer.Option(min=0.01, max=10.0, metavar="SECONDS", help="From one call to the next.")
    ] = 0.1,
) -> None:
    """Make calls, break a provider after a quarter of them, and watch calls go on, status tell of it, and all heal.

    Ends with 0 when every call was answered and the status told of the outage and of its end.
    """
    from fairlead_operator.cli.demo import Demo, DemoFailed
    from fairlead_operator.cli.demo_view import view
    from fairlead_operator.cli.options import FINDINGS, refuse

    try:
        with view() as shown:
            kept = Demo(shown, calls=calls, pace_seconds=pace).run()
    except DemoFailed as failed:
        refuse(str(failed))
    if not kept:
        raise typer.Exit(FINDINGS)
