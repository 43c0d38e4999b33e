"""`fairlead render`: prints what the proxies of a gateway would load."""

from typing import Annotated

import typer

from fairlead_operator.cli.options import Files, Gateway, Output, refuse


def render(
    file: Files,
    gateway: Gateway = None,
    output: Annotated[Output, typer.Option("-o", "--output", help="text is YAML.")] = Output.TEXT,
) -> None:
    """Print the configuration that these files compile to; of keys only that they are there."""
    import json
    import sys

    import yaml

    from fairlead_operator.cli.sources import SourcesRefused, read_sources
    from fairlead_operator.price_book.shelf import Shelf

    try:
        sources = read_sources(file, shelf=Shelf())
        compiled = sources.gateway(gateway)
    except SourcesRefused as refused:
        refuse(str(refused))
    for problem in sources.problems:
        print(problem, file=sys.stderr)
    documents: dict[str, list[object]] = {"ModelGateway": [], "ModelProvider": [], "RoutePolicy": []}
    for fragment in compiled.fragments:
        header = fragment.header
        origin = {"uid": header.uid, "generation": header.generation, "hash": header.hash}
        documents[header.kind].append({**origin, **json.loads(fragment.body)})
    keys = compiled.keys
    shown = {
        "revision": compiled.revision,
        "gateway": documents["ModelGateway"],
        "providers": documents["ModelProvider"],
        "policies": documents["RoutePolicy"],
        "keys": {
            "credentials": dict.fromkeys(sorted(keys.credentials), "<present>"),
            "callers": [
                {"name": key.name, "tenant": key.tenant, "key": "<present>", "expires_at": key.expires_at}
                for key in keys.callers
            ],
        },
    }
    as_json = output is Output.JSON
    print(json.dumps(shown, indent=2) if as_json else yaml.safe_dump(shown, sort_keys=False, width=120), end="")
    if as_json:
        print()
