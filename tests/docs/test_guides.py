"""Every snippet of the guides runs, as it stands there, against a gateway with keys, and says what the guide says."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openai
import pytest
from docs.conftest import MODELS, SERVED_BY, key_of
from docs.fences import GUIDES, Fence, fences_of, read_fences
from doubles.processes import Standalone, eventually, fetch, standalone
from sdk.conftest import House

WORDS = "alpha beta gamma delta epsilon"
SCRIPTS = ("python", "sh")
LISTED = str(sorted(MODELS))
HEADERS = "decision [0-9a-f]{20}\nrule all\nprovider default/%s\nmodel m\nattempts 1\n" + WORDS + " ?\n"
REFUSED = "%s %s %s\ncall [0-9a-f]{20}\n"


@dataclass(frozen=True)
class Expected:
    """What a snippet prints, as a pattern, and how the provider behaves meanwhile."""

    printed: str
    behaviour: dict[str, Any] = field(default_factory=dict)


TWICE = Expected(f"{WORDS} ?\n{WORDS} ?\n")
TOOL = Expected("reasoning: let me think\nscripted saw: sunny in Paris ?\n", {"answer": "tools"})
COUNTED = Expected(r"[1-9]\d*\n")
HEARD = Expected(f"(?s).*{WORDS}.*")

EXPECTED: dict[str, Expected] = {
    "openai-chat: First call": TWICE,
    "openai-chat: With curl": HEARD,
    "openai-chat: Models": Expected(re.escape(LISTED) + "\n"),
    "openai-chat: Tools and reasoning": TOOL,
    "openai-chat: Errors": Expected(REFUSED % ("NotFoundError", 404, "model_not_found")),
    "openai-chat: What happened to a call": Expected(HEADERS % SERVED_BY["openai-chat"]),
    "openai-responses: First call": TWICE,
    "openai-responses: With curl": HEARD,
    "openai-responses: Tools and reasoning": Expected(
        "reasoning: (let me think)?\n(reasoning: \n)*scripted saw: sunny in Paris ?\n", {"answer": "tools"}
    ),
    "openai-responses: Counting tokens": COUNTED,
    "openai-responses: Errors": Expected(
        "BadRequestError 400 capability_missing\n.*needs: previous_response_id\ncall [0-9a-f]{20}\n"
    ),
    "openai-responses: What happened to a call": Expected(HEADERS % SERVED_BY["openai-responses"]),
    "anthropic: First call": TWICE,
    "anthropic: With curl": HEARD,
    "anthropic: Models": Expected(re.escape(LISTED) + "\n"),
    "anthropic: Tools and reasoning": TOOL,
    "anthropic: Counting tokens": COUNTED,
    "anthropic: Errors": Expected(REFUSED % ("NotFoundError", 404, "not_found_error")),
    "anthropic: What happened to a call": Expected(HEADERS % SERVED_BY["anthropic"]),
    "gemini: First call": TWICE,
    "gemini: With curl": HEARD,
    "gemini: Models": Expected(re.escape(str([f"models/{name}" for name in sorted(MODELS)])) + "\n"),
    "gemini: Tools and reasoning": TOOL,
    "gemini: Counting tokens": COUNTED,
    "gemini: Errors": Expected(REFUSED % ("ClientError", 404, "NOT_FOUND MODEL_NOT_FOUND")),
    "gemini: What happened to a call": Expected(HEADERS % SERVED_BY["gemini"]),
}
PAGES = sorted(path.stem for path in GUIDES.glob("*.md"))
FENCES = [fence for page in PAGES for fence in read_fences(page) if fence.language in SCRIPTS]


FIRST_CALLS = [fence for fence in FENCES if fence.id.endswith((": First call", ": With curl"))]
EXAMPLES = GUIDES.parents[1] / "examples"


def run(fence: Fence, host: str, directory: Path) -> str:
    """Run a snippet as its reader would, in an empty folder; return what it prints."""
    page = fence.id.partition(":")[0]
    program = [sys.executable, "-W", "ignore"] if fence.language == "python" else ["sh", "-eu"]
    file = directory / f"snippet.{fence.language}"
    file.write_text(fence.text)
    environ = {"PATH": os.environ["PATH"], "FAIRLEAD_URL": host, "FAIRLEAD_KEY": key_of(page)}
    ran = subprocess.run([*program, str(file)], cwd=directory, env=environ, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.parametrize("fence", FENCES, ids=lambda fence: fence.id)
def test_a_snippet_prints_what_the_guide_promises(guides_house: House, fence: Fence, tmp_path: Path) -> None:
    expected = EXPECTED[fence.id]
    guides_house.upstream.behave(**expected.behaviour)
    printed = run(fence, guides_house.host, tmp_path)
    assert re.fullmatch(expected.printed, printed), printed


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    with standalone(tmp_path_factory.mktemp("quickstart"), "-f", str(EXAMPLES / "quickstart")) as gateway:
        yield gateway


@pytest.mark.parametrize("fence", FIRST_CALLS, ids=lambda fence: fence.id)
def test_the_first_calls_work_with_the_quick_start_too(quickstart: Standalone, fence: Fence, tmp_path: Path) -> None:
    assert "no model was called" in run(fence, f"http://127.0.0.1:{quickstart.port}", tmp_path)


def test_a_chat_that_drops_the_reasoning_goes_on_without_and_the_record_says_so(guides_house: House) -> None:
    guides_house.upstream.behave(answer="tools")
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}}
    tool: Any = {"type": "function", "function": {"name": "weather", "parameters": parameters}}
    messages: Any = [{"role": "user", "content": "What is the weather in Paris?"}]
    with openai.OpenAI(base_url=guides_house.gateway.url, api_key=key_of("openai-chat"), max_retries=0) as client:
        create = client.chat.completions.with_raw_response.create
        first = create(model="smart", messages=messages, tools=[tool], reasoning_effort="high").parse()
        calls: Any = first.choices[0].message.tool_calls
        messages.append({"role": "assistant", "tool_calls": [call.to_dict() for call in calls]})
        messages.append({"role": "tool", "tool_call_id": calls[0].id, "content": "sunny"})
        last = create(model="smart", messages=messages, tools=[tool], reasoning_effort="high")
    assert "sunny" in str(last.parse().choices[0].message.content)
    attempts = guides_house.gateway.decision(last.headers["x-fairlead-decision"])["attempts"]
    assert attempts[0]["lost"] == ["reasoning between the calls of another provider's tools"]


def test_every_snippet_is_expected_to_print_something_and_nothing_else_is() -> None:
    assert sorted(fence.id for fence in FENCES) == sorted(EXPECTED)


def test_a_block_is_found_below_its_heading() -> None:
    text = "# A\n## B\n```sh\n# no heading\n```\ntext\n```yaml\na: 1\n```\n### C\n```python\nprint()\n```\n"
    assert fences_of("page", text) == [
        Fence("page: B", "sh", "# no heading\n"),
        Fence("page: B", "yaml", "a: 1\n"),
        Fence("page: C", "python", "print()\n"),
    ]


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer KEY"},
        {"x-api-key": "KEY"},
        {"api-key": "KEY"},
        {"x-goog-api-key": "KEY"},
        {"authorization": "Bearer KEY", "x-api-key": "another"},
        {"x-api-key": "KEY", "x-goog-api-key": "another"},
    ],
    ids=lambda headers: " and ".join(headers),
)
@pytest.mark.parametrize("path", ["/v1/models", "/v1beta/models"])
def test_a_key_is_taken_in_every_form_and_in_the_order_of_the_index(
    guides_house: House, headers: dict[str, str], path: str
) -> None:
    key = key_of("gemini")
    sent = {name: value.replace("KEY", key) for name, value in headers.items()}
    assert fetch(f"{guides_house.host}{path}", headers=sent)


def test_a_key_in_the_query_is_taken_and_stands_in_no_log(guides_house: House) -> None:
    guides_house.upstream.behave()
    key, log = key_of("gemini"), guides_house.gateway.log
    body = json.dumps({"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}).encode()
    url = f"{guides_house.host}/v1beta/models/smart:generateContent?key={key}"
    sent = {"content-type": "application/json", "x-request-id": "key-in-the-query"}
    assert WORDS in json.dumps(fetch(url, method="POST", body=body, headers=sent))
    eventually(lambda: "key-in-the-query" in log.read_text(), within=5)
    assert key not in log.read_text()


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_guide_leads_somewhere(page: str) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", (GUIDES / f"{page}.md").read_text()):
        file, _, anchor = link.partition("#")
        target = (GUIDES / file if file else GUIDES / f"{page}.md").resolve()
        assert target.exists(), link
        anchors = [_anchor(heading) for heading in re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)]
        assert not anchor or anchor in anchors, link


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
