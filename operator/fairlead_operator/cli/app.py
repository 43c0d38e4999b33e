"""The commands of `fairlead`, each in a module of its own."""

import typer

from fairlead_operator.cli.cost_command import cost
from fairlead_operator.cli.crds_command import crds
from fairlead_operator.cli.demo_command import demo
from fairlead_operator.cli.diff_command import diff
from fairlead_operator.cli.doctor_command import doctor
from fairlead_operator.cli.explain_command import explain
from fairlead_operator.cli.get_command import get
from fairlead_operator.cli.operator_command import operator
from fairlead_operator.cli.prices_command import prices
from fairlead_operator.cli.providers_command import providers
from fairlead_operator.cli.render_command import render
from fairlead_operator.cli.routes_command import routes
from fairlead_operator.cli.run_command import run
from fairlead_operator.cli.status_command import status
from fairlead_operator.cli.top_command import top
from fairlead_operator.cli.trace_command import trace
from fairlead_operator.cli.validate_command import validate

app = typer.Typer(
    name="fairlead",
    help="A gateway over many model providers, described by Kubernetes objects, with or without a cluster.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(epilog="fairlead --version prints the version.")
def every_command() -> None:
    """A gateway over many model providers, described by Kubernetes objects, with or without a cluster."""


app.command()(run)
app.command()(demo)
app.command()(operator)
app.command()(get)
app.command()(status)
app.command()(providers)
app.command()(routes)
app.command()(trace)
app.command()(top)
app.command()(doctor)
app.command()(validate)
app.command()(diff)
app.command()(render)
app.command()(explain)
app.command()(prices)
app.command()(cost)
app.command()(crds)
