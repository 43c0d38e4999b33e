"""A running gateway shows, after one call, the metrics that rules and dashboards are built on."""

import re
from pathlib import Path

import openai
from doubles.processes import standalone
from monitoring.exposition import Shown, parsed
from monitoring.promtool import ROOT

NEEDS_MORE_THAN_A_CALL = re.compile(r"fairlead_(operator|ledger|unpriced|certificate)")
"""What an operator, a ledger, a model without a price, and a listener with TLS show."""


def test_a_running_gateway_shows_what_is_asked_for(shown: Shown, tmp_path: Path) -> None:
    with standalone(tmp_path, "-f", str(ROOT / "examples/quickstart")) as gateway:
        with openai.OpenAI(base_url=gateway.url, api_key="any", max_retries=0) as client:
            stream = client.chat.completions.create(
                model="smart", messages=[{"role": "user", "content": "Hello"}], stream=True
            )
            assert list(stream)
        running = parsed(gateway.metrics())
    wanted = {
        name: labels
        for name, labels in shown.items()
        if ":" not in name and not name.endswith("_created") and not NEEDS_MORE_THAN_A_CALL.match(name)
    }
    assert len(wanted) > 15
    assert {name: running.get(name) for name in wanted} == wanted
