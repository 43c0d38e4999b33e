"""List prices in `fairlead run`, with the real processes: a call of a model whose owner gives no price has a cost."""

import json
import urllib.request
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
from doubles.processes import eventually, scripted_upstream, standalone

from fairlead_operator.price_book.files import PACKAGE, write_whole
from fairlead_operator.price_book.generate import generate_book

OBJECTS = """
apiVersion: fairlead.dev/v1alpha1
kind: ModelProvider
metadata: {{name: lab}}
spec:
  type: OpenAI
  endpoint: {{url: "{url}"}}
  models: [{{name: known, upstreamName: gpt-4o}}, {{name: unknown, upstreamName: of-nobody}}]
---
apiVersion: fairlead.dev/v1alpha1
kind: RoutePolicy
metadata: {{name: smart}}
spec:
  gatewayRef: {{name: main}}
  models: [known, unknown]
  rules:
  - {{name: known, match: [{{models: [known]}}], route: {{targets: [{{provider: {{name: lab}}, model: known}}]}}}}
  - {{name: unknown, route: {{targets: [{{provider: {{name: lab}}, model: unknown}}]}}}}
"""
INPUT, OUTPUT = 2_500, 10_000
"""gpt-4o's price in nano-USD a token. Source: https://openai.com/api/pricing"""


def test_a_model_without_a_price_of_its_own_costs_what_the_book_says(tmp_path: Path) -> None:
    with scripted_upstream() as upstream:
        path = tmp_path / "objects.yaml"
        path.write_text(OBJECTS.format(url=f"{upstream.url}/v1"))
        write_book(tmp_path / "fairlead", r"http://127\.0\.0\.1")
        environ = {"XDG_CACHE_HOME": str(tmp_path)}
        with standalone(tmp_path, "-f", str(path), "--log-format", "json", env=environ) as running:
            for model in ("known", "unknown"):
                call(running.url, model)
            known, unknown = eventually(lambda: both(running.log.read_text()), within=10)
    cost = known["input_tokens"] * INPUT + known["output_tokens"] * OUTPUT
    assert cost > 0
    assert known["cost_usd"] == f"{cost / 1e9:.9f}".rstrip("0")
    assert unknown["cost_usd"] is None


def write_book(directory: Path, url_pattern: str) -> None:
    """Keep the book as a process before this one would have left it, but with OpenAI's list for these addresses."""
    book = generate_book()
    providers = [
        msgspec.structs.replace(each, url_pattern=url_pattern) if each.id == "openai" else each
        for each in book.providers
    ]
    here = msgspec.structs.replace(book, providers=tuple(providers))
    write_whole(directory, version(PACKAGE), msgspec.json.encode(here))


def call(url: str, model: str) -> None:
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "hello"}]}).encode()
    request = urllib.request.Request(f"{url}/chat/completions", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert answer.status == 200


def both(log: str) -> list[dict[str, Any]]:
    """Return the access lines of both calls, empty while they are not there."""
    lines = [json.loads(line) for line in log.splitlines() if '"cost_usd"' in line]
    return lines if len(lines) == 2 else []
