"""What a provider says of a call goes to its caller without the key that the call was sent with."""

import json
from urllib.parse import quote

import pytest

from fairlead_proxy.exchange.errors import Relayed
from fairlead_proxy.upstream.masking import PROOFS, mask_proof

KEY = 'sk+canary/0123456789"='


def masked(body: bytes, *headers: tuple[str, str]) -> bytes:
    return mask_proof(Relayed(400, "application/json", body), headers).body


@pytest.mark.parametrize("header", sorted(PROOFS))
@pytest.mark.parametrize("scheme", ["", "Bearer "])
@pytest.mark.parametrize(
    "quoted", [KEY, json.dumps(KEY)[1:-1], json.dumps(KEY)[1:-1].replace("/", "\\/"), quote(KEY), quote(KEY, safe="")]
)
def test_a_key_is_masked_in_each_form_in_which_a_body_may_hold_it(header: str, scheme: str, quoted: str) -> None:
    body = f'{{"error": "wrong key {quoted}, {quoted}!"}}'.encode()
    assert masked(body, ("accept", "*/*"), (header.title(), scheme + KEY)) == b'{"error": "wrong key ***, ***!"}'


def test_what_does_not_hold_the_key_is_passed_on_as_it_is() -> None:
    relayed = Relayed(400, "application/json", b'{"error": "application/json is wanted"}')
    assert mask_proof(relayed, (("content-type", "application/json"), ("authorization", f"Bearer {KEY}"))) is relayed


def test_what_is_too_short_to_be_a_key_is_no_reason_to_change_a_word() -> None:
    assert masked(b"none of these", ("authorization", "Bearer none")) == b"none of these"
