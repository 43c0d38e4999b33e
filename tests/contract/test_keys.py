"""The key ring never shows what it holds."""

import pytest

from fairlead_proxy.contract.keys import (
    CallerKey,
    KeyRing,
    KeyRingError,
    decode_keys,
    encode_keys,
    fingerprint,
    version_of,
)

RING = KeyRing(
    credentials={"ai/openai/main": "sk-canary-1"},
    callers=(CallerKey(sha256=fingerprint("caller-canary"), tenant="team", name="team/app"),),
    admin_tokens=("admin-canary",),
)


def test_a_ring_survives_encoding() -> None:
    assert decode_keys(encode_keys(RING)) == RING


def test_repr_and_str_hold_no_key() -> None:
    assert "canary" not in repr(RING) + str(RING) + f"{RING}"


def test_an_unreadable_ring_is_not_quoted() -> None:
    with pytest.raises(KeyRingError) as caught:
        decode_keys(b'{"credentials": {"a": "sk-canary-2"')
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_ring_of_a_newer_format_is_refused() -> None:
    with pytest.raises(KeyRingError, match="format 9"):
        decode_keys(b'{"format": 9}')


def test_another_key_is_another_version() -> None:
    assert version_of(encode_keys(RING)) != version_of(encode_keys(KeyRing(admin_tokens=("admin-canary",))))
