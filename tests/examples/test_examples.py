"""Every example is valid and serves, as its README says."""

import json
from pathlib import Path
from typing import Any

import openai
import pytest
from doubles.command_line import invoke
from doubles.processes import Standalone, eventually, scripted_upstream, standalone

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir())
HELLO: Any = [{"role": "user", "content": "Hello"}]
ACCOUNTS = {
    "OPENAI_API_KEY": "sk-test",
    "ANTHROPIC_API_KEY": "sk-ant-test",
    "GEMINI_API_KEY": "AIza-test",
    "AZURE_OPENAI_ENDPOINT": "https://example.openai.azure.com/",
    "AZURE_OPENAI_API_KEY": "azure-test",
    "AWS_ACCESS_KEY_ID": "AKIA-test",
    "AWS_SECRET_ACCESS_KEY": "aws/test+secret",
    "VERTEX_KEY_FILE": json.dumps(
        {
            "type": "service_account",
            "client_email": "gateway@my-project.iam.gserviceaccount.com",
            "private_key": "-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----\n",
            "token_uri": "https://oauth2.googleapis.com/token",
        },
        indent=2,
    ),
}
"""What the examples take from the environment."""


def client(gateway: Standalone, key: str = "none") -> openai.OpenAI:
    return openai.OpenAI(base_url=gateway.url, api_key=key, max_retries=0, timeout=20)


def served_by(gateway: Standalone, model: str, key: str = "none", **headers: str) -> str | None:
    answer = client(gateway, key).chat.completions.with_raw_response.create(
        model=model, messages=HELLO, extra_headers=headers
    )
    return answer.headers.get("x-fairlead-provider")


@pytest.mark.parametrize("name", NAMES)
def test_an_example_has_nothing_to_complain_about(name: str) -> None:
    result = invoke("validate", "-f", EXAMPLES / name, environ=ACCOUNTS)
    assert "nothing to complain about" in result.stdout, result.output


@pytest.mark.parametrize(
    ("name", "targets"),
    [
        ("anthropic", {"anthropic/opus": "anthropic-messages", "anthropic/haiku": "anthropic-messages"}),
        ("azure", {"azure/large": "openai-responses", "azure/small": "openai-responses"}),
        ("bedrock", {"bedrock/opus": "bedrock-converse", "bedrock/nova": "bedrock-converse"}),
        ("gemini", {"gemini/pro": "gemini", "gemini/flash": "gemini"}),
        ("vertex", {"vertex/opus": "anthropic-messages", "vertex/pro": "gemini"}),
    ],
)
def test_an_example_of_each_provider_serves_callers_of_another_api(name: str, targets: dict[str, str]) -> None:
    question = ["--model", "smart", "--dialect", "openai-responses", "-o", "json"]
    result = invoke("explain", "-f", EXAMPLES / name, *question, environ=ACCOUNTS)
    explained = json.loads(result.stdout)["targets"]
    assert [(each["target"], each["dialect"]) for each in explained if each["used"]] == [
        (f"default/{target}", dialect) for target, dialect in targets.items()
    ]


@pytest.mark.parametrize("name", NAMES)
def test_an_example_says_how_to_run_it(name: str) -> None:
    assert f"fairlead run -f examples/{name}" in (EXAMPLES / name / "README.md").read_text()


def test_the_quick_start_serves_plain_and_streaming_and_says_that_it_is_simulated(tmp_path: Path) -> None:
    with standalone(tmp_path, "-f", str(EXAMPLES / "quickstart")) as gateway:
        plain = client(gateway).chat.completions.create(model="smart", messages=HELLO)
        assert plain.model == "sim/large"
        assert "no model was called" in (plain.choices[0].message.content or "")
        pieces = client(gateway).chat.completions.create(model="summarise", messages=HELLO, stream=True)
        text = "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)
        assert "no model was called" in text
        assert served_by(gateway, "summarise", **{"x-fairlead-intent": "analysis"}) == "default/lighthouse"


def test_the_quick_start_falls_back_while_its_first_provider_is_out(tmp_path: Path) -> None:
    source = (EXAMPLES / "quickstart/providers.yaml").read_text()
    (tmp_path / "providers.yaml").write_text(source.replace("after: 30s", "after: 0s"))
    policy = str(EXAMPLES / "quickstart/policy.yaml")
    with standalone(tmp_path, "-f", str(tmp_path / "providers.yaml"), "-f", policy) as gateway:
        assert served_by(gateway, "smart") == "default/lighthouse"
        eventually(lambda: gateway.metrics().count("fairlead_attempts_total"), within=5)


def test_the_real_thing_gets_its_key_from_the_environment_and_nobody_else_does(tmp_path: Path) -> None:
    with scripted_upstream() as upstream:
        environ = {"OPENAI_API_KEY": "sk-of-the-test", "OPENAI_BASE_URL": upstream.url}
        with standalone(tmp_path, "-f", str(EXAMPLES / "openai"), env=environ) as gateway:
            answer = client(gateway, "sk-of-a-caller").chat.completions.create(model="smart", messages=HELLO)
            assert answer.choices[0].message.content
            call = upstream.calls()[0]
            assert "sk-of-the-test" in str(call)
            assert "sk-of-a-caller" not in str(call)
            written = [path for path in (gateway.state).rglob("*") if path.is_file() and path.name != "keys.json"]
            assert not [path for path in written if b"sk-of-the-test" in path.read_bytes()]
            assert "sk-of-the-test" not in gateway.log.read_text()


def test_two_teams_have_each_its_own_models_and_its_own_key(tmp_path: Path) -> None:
    with standalone(tmp_path, "-f", str(EXAMPLES / "two-teams")) as gateway:
        search, support = "example-key-of-team-search", "example-key-of-team-support"
        assert [model.id for model in client(gateway, search).models.list()] == ["smart"]
        assert [model.id for model in client(gateway, support).models.list()] == ["draft", "smart"]
        assert served_by(gateway, "smart", search) == "platform/shared"
        assert served_by(gateway, "smart", support) == "team-support/lab"
        with pytest.raises(openai.NotFoundError):
            served_by(gateway, "draft", search)
        with pytest.raises(openai.AuthenticationError):
            served_by(gateway, "smart", "no-key-of-anybody")
