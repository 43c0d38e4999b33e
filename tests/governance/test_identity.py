"""An API key becomes a tenant, and nothing can be learnt from a key that does not."""

import pytest
from doubles.mounted_config import CALLER_KEY, caller, gateway, key_ring

from fairlead_proxy.contract.config import Gateway
from fairlead_proxy.exchange.errors import Answer
from fairlead_proxy.governance.identity import UNAUTHORIZED, Identity, identify, index_callers

NOW = 1_000_000.0
GUARDED = gateway(api_keys=True)
CALLERS = index_callers(key_ring(caller()))


def who(headers: dict[str, str], gateway_now: Gateway = GUARDED, *, open_standalone: bool = False) -> Identity | Answer:
    return identify(CALLERS, gateway_now, headers, NOW, open_standalone=open_standalone)


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {CALLER_KEY}"},
        {"authorization": f"bearer   {CALLER_KEY} "},
        {"x-api-key": CALLER_KEY},
        {"api-key": CALLER_KEY},
        {"authorization": "Basic abc", "x-api-key": CALLER_KEY},
    ],
)
def test_a_key_names_its_tenant_wherever_it_is_sent(headers: dict[str, str]) -> None:
    assert who(headers) == Identity("team-a", "team-a/key")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Bearer wrong"},
        {"authorization": CALLER_KEY},
        {"authorization": f"Bearer {CALLER_KEY}x"},
        {"authorization": f"Bearer {CALLER_KEY[:20]}"},
        {"authorization": f"Bearer {CALLER_KEY.upper()}"},
        {"authorization": "Bearer \udcff\udcfe"},
        {"authorization": "Bearer " + "k" * 100_000},
        {"authorization": "Bearer wrong", "x-api-key": CALLER_KEY},
        {"x-fairlead-namespace": "team-a"},
    ],
)
def test_anything_else_gets_the_one_refusal(headers: dict[str, str]) -> None:
    assert who(headers) is UNAUTHORIZED


def test_a_key_ends_at_the_instant_it_expires() -> None:
    callers = index_callers(key_ring(caller(expires_at=NOW)))
    headers = {"authorization": f"Bearer {CALLER_KEY}"}
    assert identify(callers, GUARDED, headers, NOW - 0.001, open_standalone=False) == Identity("team-a", "team-a/key")
    assert identify(callers, GUARDED, headers, NOW, open_standalone=False) is UNAUTHORIZED


def test_a_tenant_that_the_gateway_does_not_admit_looks_like_an_unknown_key() -> None:
    headers = {"authorization": f"Bearer {CALLER_KEY}"}
    assert who(headers, gateway(api_keys=True, tenants=("team-b",))) is UNAUTHORIZED
    assert who(headers, gateway(api_keys=True, tenants=("team-a",))) == Identity("team-a", "team-a/key")


def test_a_gateway_without_authentication_refuses_everyone() -> None:
    assert who({"authorization": f"Bearer {CALLER_KEY}"}, gateway()) is UNAUTHORIZED


def test_open_standalone_serves_the_default_namespace_whatever_key_is_sent() -> None:
    assert who({"authorization": "Bearer sk-anything"}, gateway(), open_standalone=True) == Identity("default")


def test_open_standalone_serves_the_namespace_that_the_caller_names() -> None:
    assert who({"x-fairlead-namespace": "team-b"}, gateway(), open_standalone=True) == Identity("team-b")


@pytest.mark.parametrize("name", ["", "Team", "team_b", "-team", "team-", "a" * 64, "team/b", "team.b", "team\n"])
def test_open_standalone_refuses_what_is_no_namespace(name: str) -> None:
    answer = who({"x-fairlead-namespace": name}, gateway(), open_standalone=True)
    assert isinstance(answer, Answer)
    assert (answer.status, answer.param) == (400, "x-fairlead-namespace")


def test_standalone_with_keys_is_not_open() -> None:
    assert who({"x-fairlead-namespace": "team-b"}, open_standalone=True) is UNAUTHORIZED


def test_the_first_of_two_equal_keys_holds() -> None:
    callers = index_callers(key_ring(caller(tenant="team-a"), caller(tenant="team-b")))
    headers = {"authorization": f"Bearer {CALLER_KEY}"}
    assert identify(callers, GUARDED, headers, NOW, open_standalone=False) == Identity("team-a", "team-a/key")
