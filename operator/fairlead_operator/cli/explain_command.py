"""`fairlead explain`: which rule a call would match, and each target with why it is used or skipped."""

from enum import StrEnum
from typing import Annotated

import typer

from fairlead_operator.cli.cluster_options import Context, Kubeconfig, Shape, StateOption, Where
from fairlead_operator.cli.completion import virtual_models
from fairlead_operator.cli.options import FINDINGS, refuse


class Form(StrEnum):
    """The shapes that every command has; `text` is another name of `table`."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"
    TEXT = "text"

    @property
    def shape(self) -> Shape:
        return Shape.TABLE if self is Form.TEXT else Shape(self.value)


def explain(
    model: Annotated[
        str,
        typer.Option(
            "--model", metavar="M", help="The virtual model that the caller names.", autocompletion=virtual_models
        ),
    ],
    file: Annotated[
        list[str] | None,
        typer.Option(
            "-f",
            "--file",
            metavar="PATH",
            help="Look at a file, a directory (read recursively: *.yaml, *.yml, *.json), or - for standard input, not "
            "at a cluster; repeatable.",
            show_default=False,
        ),
    ] = None,
    namespace: Annotated[
        str,
        typer.Option(
            "-n", "--namespace", metavar="NS", help="The caller's.", show_default="that of the context; default with -f"
        ),
    ] = "",
    header: Annotated[
        list[str] | None, typer.Option("--header", metavar="NAME=VALUE", help="A request header; repeatable.")
    ] = None,
    dialect: Annotated[
        str,
        typer.Option(
            metavar="DIALECT",
            help="The API that the caller speaks: openai-chat, openai-responses, anthropic-messages or gemini.",
        ),
    ] = "openai-chat",
    operation: Annotated[
        str,
        typer.Option(
            metavar="OP",
            help="What the call asks for: chat, responses or countTokens; by default what its dialect is for.",
            show_default=False,
        ),
    ] = "",
    prompt_tokens: Annotated[int, typer.Option("--prompt-tokens", min=0, help="The prompt's size.")] = 0,
    max_tokens: Annotated[int, typer.Option("--max-tokens", min=0, help="How long an answer the call asks for.")] = 0,
    intent: Annotated[str, typer.Option(metavar="INTENT", help="As in the header x-fairlead-intent.")] = "",
    needs: Annotated[
        list[str] | None,
        typer.Option("--needs", metavar="CAPABILITY", help="What the call uses, such as tools or vision; repeatable."),
    ] = None,
    feature: Annotated[
        list[str] | None,
        typer.Option(
            "--feature",
            metavar="FEATURE",
            help="What the call uses that not every dialect has words for, such as 'images by URL'; repeatable.",
        ),
    ] = None,
    stream: Annotated[bool, typer.Option("--stream", help="The call is a streaming one.")] = False,
    down: Annotated[
        list[str] | None,
        typer.Option(
            "--down", metavar="NS/PROVIDER[=CLASS]", help="Suppose that it fails, by default Unreachable; repeatable."
        ),
    ] = None,
    gateway: Annotated[
        str | None,
        typer.Option(
            metavar="NAMESPACE/NAME", help="Which ModelGateway, where several could be meant.", show_default=False
        ),
    ] = None,
    output: Annotated[
        Form, typer.Option("-o", "--output", help="How the explanation is printed; name: the targets that are tried.")
    ] = Form.TABLE,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    state: StateOption = None,
) -> None:
    """Explain what the live proxy would decide for a call, by the same engine; exit 1 if no target would serve it.

    Without -f it looks at a cluster, or with --state at a run. Providers are supposed to be well, but
    for --down; one of which proxies observe something else is named in a hint.
    """
    from fairlead_operator.cli.basis import basis_in_files
    from fairlead_operator.cli.explain_lookup import basis_of
    from fairlead_operator.cli.explanation import QuestionRefused, explain_call, facts_of, world_of
    from fairlead_operator.cli.gathered import GatherRefused
    from fairlead_operator.cli.sources import SourcesRefused, read_sources
    from fairlead_operator.cli.telling import tell

    elsewhere = {"--state": state, "--context": context, "--kubeconfig": kubeconfig}
    both = [option for option, value in elsewhere.items() if value is not None]
    if file and both:
        refuse(f"-f and {both[0]}: files and something else to look at; give one of them")
    try:
        if file:
            basis = basis_in_files(read_sources(file), namespace or "default", gateway)
        else:
            basis = basis_of(Where(namespace, False, context, kubeconfig, state), model, gateway)
        facts = facts_of(
            basis.namespace,
            model,
            headers=header or [],
            dialect=dialect,
            operation=operation,
            prompt_tokens=prompt_tokens,
            max_tokens=max_tokens,
            intent=intent,
            needs=needs or [],
            features=feature or [],
            stream=stream,
        )
        explanation = explain_call(basis, facts, world_of(basis.config, down or []))
    except (SourcesRefused, GatherRefused, QuestionRefused) as refused:
        refuse(str(refused))
    tell(explanation.as_answer(), output.shape, notes=basis.notes)
    if explanation.refusal:
        raise typer.Exit(FINDINGS)
