"""`fairlead prices` shows what each model costs, where that comes from, and what has no price."""

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from doubles.command_line import invoke

OBJECTS = """
apiVersion: fairlead.dev/v1alpha1
kind: ModelProvider
metadata: {name: anthropic, namespace: ai}
spec: {type: Anthropic, models: [{name: sonnet, upstreamName: claude-sonnet-4-5-20250929}]}
---
apiVersion: fairlead.dev/v1alpha1
kind: ModelProvider
metadata: {name: broken, namespace: ai}
spec: {type: Anthropic}
---
apiVersion: fairlead.dev/v1alpha1
kind: ModelProvider
metadata: {name: lab, namespace: ai}
spec:
  type: OpenAICompatible
  endpoint: {url: "http://vllm.lab.svc:8000/v1"}
  models:
  - name: own
    price:
      currency: EUR
      perMTok: {input: "1.50", cachedInput: "0", output: "3"}
      longContext: [{above: 1000, perMTok: {input: "2"}}]
  - name: unknown
"""
OWNED = """
apiVersion: fairlead.dev/v1alpha1
kind: ModelProvider
metadata: {name: lab}
spec: {type: OpenAI, models: [{name: a, price: {perMTok: {input: "0", output: "0.000000001"}}}]}
"""


@pytest.fixture(autouse=True)
def _cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The books of tests are kept where tests keep things."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def objects(tmp_path: Path) -> Path:
    path = tmp_path / "objects.yaml"
    path.write_text(OBJECTS)
    return path


def rows_of(table: str) -> list[list[str]]:
    return [line.split() for line in table.partition("\n\n")[0].splitlines()]


def test_the_table_has_a_row_for_each_model_and_each_bound_of_it(objects: Path) -> None:
    result = invoke("prices", "-f", objects)
    assert result.exit_code == 0
    rows = rows_of(result.stdout)
    assert rows[0] == [
        "PROVIDER",
        "MODEL",
        "ABOVE",
        "INPUT",
        "CACHED",
        "WRITE",
        "WRITE-1H",
        "OUTPUT",
        "CURRENCY",
        "SOURCE",
    ]
    sonnet = ["USD", "genai-prices", version("genai-prices"), "anthropic/claude-sonnet-4-5"]
    assert rows[1:] == [
        ["ai/anthropic", "sonnet", "3", "0.3", "3.75", "6", "15", *sonnet],
        ["ai/anthropic", "sonnet", "200000", "6", "0.6", "7.5", "12", "22.5", *sonnet],
        ["ai/lab", "own", "1.5", "0", "1.5", "1.5", "3", "EUR", "ModelProvider"],
        ["ai/lab", "own", "1000", "2", "2", "2", "2", "-", "EUR", "ModelProvider"],
        ["ai/lab", "unknown", "-", "-", "-", "-", "-", "none:", "unpriced"],
    ]


def test_below_the_table_stands_what_is_not_counted_and_what_has_no_price(objects: Path) -> None:
    below = invoke("prices", "-f", objects).stdout.partition("\n\n")[2].splitlines()
    assert "Note: not counted: web searches (ai/anthropic/sonnet)" in below
    assert "1 of 3 models is unpriced: no call has a cost (ai/lab/unknown)" in below
    assert "1 of 3 models is priced in part: calls that use what has no price have no cost (ai/lab/own)" in below
    assert below[-1].startswith("To set a price, give the model one in its ModelProvider: price: {perMTok: {")


def test_json_has_prices_as_a_model_provider_would_have_them(objects: Path) -> None:
    sonnet, own, unknown = json.loads(invoke("prices", "-f", objects, "--format", "json").stdout)
    assert (sonnet["provider"], sonnet["model"], sonnet["upstreamModel"]) == (
        "ai/anthropic", "sonnet", "claude-sonnet-4-5-20250929",
    )  # fmt: skip
    assert sonnet["price"]["longContext"][0]["above"] == 200_000
    assert sonnet["source"] == f"genai-prices {version('genai-prices')} anthropic/claude-sonnet-4-5"
    assert own["price"] == {
        "currency": "EUR",
        "perMTok": {"input": "1.5", "cachedInput": "0", "cacheWrite": "1.5", "cacheWriteLong": "1.5", "output": "3"},
        "longContext": [
            {"above": 1000, "perMTok": {"input": "2", "cachedInput": "2", "cacheWrite": "2", "cacheWriteLong": "2"}}
        ],
    }
    assert (own["source"], unknown["price"], unknown["source"]) == ("ModelProvider", None, None)


def test_a_provider_that_is_not_valid_is_named_and_the_others_shown(objects: Path) -> None:
    assert invoke("prices", "-f", objects).stderr == (
        "ModelProvider ai/broken: is not valid, and has no prices; see fairlead validate\n"
    )


def test_where_every_model_has_a_price_nothing_is_left_to_say(tmp_path: Path) -> None:
    path = tmp_path / "owned.yaml"
    path.write_text(OWNED)
    result = invoke("prices", "-f", path)
    assert rows_of(result.stdout)[1][:7] == ["default/lab", "a", "0", "0", "0", "0", "0.000000001"]
    assert len(result.stdout.partition("\n\n")[2].splitlines()) == 1
    assert result.stderr == ""


def test_files_without_a_model_say_so_and_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "nothing.yaml"
    path.write_text("")
    assert invoke("prices", "-f", path).stdout == "There is no model in these files.\n"
    assert invoke("prices", "-f", tmp_path / "absent.yaml").exit_code == 2


def test_what_is_rendered_has_the_prices_that_are_shown(tmp_path: Path) -> None:
    path = tmp_path / "objects.yaml"
    path.write_text(OBJECTS.replace("namespace: ai", "namespace: default"))
    (anthropic, lab) = json.loads(invoke("render", "-f", path, "-o", "json").stdout)["providers"]
    assert anthropic["models"][0]["price"]["rates"]["input"] == 3_000_000_000
    assert "price" not in lab["models"][1] or lab["models"][1]["price"] is None


def test_the_version_is_printed_without_anything_of_prices() -> None:
    code = (
        "import sys; from fairlead_operator.cli.main import main; sys.argv[1:] = ['--version']\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "assert not [name for name in sys.modules if name.startswith(('genai_prices', 'fairlead_operator.price_book'))]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
