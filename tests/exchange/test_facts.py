"""What a decision may know of a call is what the call said."""

import pytest
from doubles.gateway_rig import config, provider

from fairlead_proxy.contract.names import Operation
from fairlead_proxy.dialects.openai.request import read_chat_request
from fairlead_proxy.exchange.call import ClientCall
from fairlead_proxy.exchange.facts import facts_of


@pytest.mark.parametrize(("said", "known"), [(b"", 0), (b',"max_tokens":40', 40), (b',"max_tokens":-1', 0)])
def test_the_length_of_answer_that_the_caller_asks_for_is_a_fact(said: bytes, known: int) -> None:
    body = b'{"model":"smart","messages":[]' + said + b"}"
    call = ClientCall(id="1", tenant="team", operation=Operation.CHAT, headers={}, body=body)
    assert facts_of(call, read_chat_request(body), config([])).max_tokens == known


@pytest.mark.parametrize("weighs", [True, False])
def test_prompt_is_counted_only_where_its_length_counts(*, weighs: bool) -> None:
    body = b'{"model":"smart","messages":[{"role":"user","content":"12345678"}]}'
    call = ClientCall(id="1", tenant="team", operation=Operation.CHAT, headers={}, body=body)
    asked = config([provider("a", context_window=1000 if weighs else None)])
    assert facts_of(call, read_chat_request(body), asked).prompt_tokens == (2 if weighs else None)


def test_what_is_longer_than_a_policy_can_name_is_not_kept() -> None:
    body = b'{"model":"%b","messages":[]}' % (b"m" * 1_000_000)
    long = {"x-fairlead-intent": "i" * 50_000}
    call = ClientCall(id="1", tenant="team", operation=Operation.CHAT, headers=long, body=body)
    facts = facts_of(call, read_chat_request(body), config([]))
    assert len(facts.model) < 300
    assert len(facts.intent) < 300
