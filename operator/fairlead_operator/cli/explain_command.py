"""`fairlead explain`: which rule a call would match, and each target with why it is used or skipped."""

from typing import Annotated

import typer

from fairlead_operator.cli.options import FINDINGS, Files, Gateway, Output, refuse


def explain(
    file: Files,
    model: Annotated[str, typer.Option("--model", metavar="M", help="The virtual model that the caller names.")],
    namespace: Annotated[str, typer.Option("-n", "--namespace", metavar="NS", help="The caller's.")] = "default",
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
    gateway: Gateway = None,
    output: Annotated[Output, typer.Option("-o", "--output", help="How the explanation is printed.")] = Output.TEXT,
) -> None:
    """Explain what the live proxy would decide for a call, by the same engine; exit 1 if no target would serve it."""
    import json

    from fairlead_operator.cli.explanation import QuestionRefused, explain_call, facts_of, world_of
    from fairlead_operator.cli.sources import SourcesRefused, read_sources

    try:
        sources = read_sources(file)
        config = sources.config(gateway)
        facts = facts_of(
            namespace,
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
        explanation = explain_call(sources, config, facts, world_of(config, down or []))
    except (SourcesRefused, QuestionRefused) as refused:
        refuse(str(refused))
    if output is Output.JSON:
        print(json.dumps(explanation.as_json(), indent=2))
    else:
        print(explanation.as_text(), end="")
    if explanation.refusal:
        raise typer.Exit(FINDINGS)
