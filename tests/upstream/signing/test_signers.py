"""Who signs with which key: one signer for each, kept while it is used, and none that holds up anybody else."""

import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from doubles.eventually import eventually
from doubles.http_calls import failure_of
from doubles.signing_keys import (
    AZURE,
    BOTH,
    PRIVATE_KEY,
    SECRET,
    VERTEX,
    Clock,
    azure_key,
    google_key,
    proof,
    signer_at,
)
from doubles.token_endpoint import TokenEndpoint

from fairlead_proxy.contract.config import Provider
from fairlead_proxy.contract.names import FailureClass, ProviderType
from fairlead_proxy.upstream.signing.signers import MOST_SIGNERS, Signers
from fairlead_proxy.upstream.signing.token_endpoint import DEADLINE_SECONDS


@pytest.mark.parametrize(
    ("provider", "key", "says"),
    [
        (AZURE, "{}", "'tenantId' must be a text"),
        (AZURE, azure_key("https://a", tenantId="../x"), "'tenantId' is neither the id nor a domain"),
        (AZURE, azure_key("ftp://a"), "'authority' must be an https url"),
        (AZURE, azure_key("https://a?b"), "'authority' must be an https url"),
        (AZURE, azure_key("https://[::1"), "'authority' must be an https url"),
        (AZURE, azure_key("https://a", clientSecret=""), "'clientSecret' must be a text"),
        (
            VERTEX,
            '{"type": "external_account", "credential_source": {"file": "/etc/passwd"}}',
            "'type' must be service",
        ),
        (VERTEX, '{"type": "authorized_user", "refresh_token": "top.secret~value"}', "'type' must be service_account"),
        (VERTEX, "{]", "no JSON object"),
        (VERTEX, google_key("https://a", private_key=SECRET), "'private_key' is not the PEM"),
        (VERTEX, google_key("https://a", private_key=7), "'private_key' must be a text"),
        (VERTEX, google_key("https://a", private_key=PRIVATE_KEY + SECRET * 400), "'private_key' is longer than one"),
        (VERTEX, google_key("https://a", client_email=None), "'client_email' must be a text"),
        (VERTEX, google_key("https://a", token_uri="file:///etc/passwd"), "'token_uri' must be an https url"),
    ],
)
async def test_material_that_is_none_is_refused_without_quoting_it(
    signers: Signers, clock: Clock, provider: Provider, key: str, says: str
) -> None:
    signer = signers.of(provider, key)
    assert signer is not None
    failed = await failure_of(signer.ready())
    assert (failed.failure, says in failed.detail) == (FailureClass.CREDENTIAL_REJECTED, True), failed.detail
    assert SECRET not in str(failed)
    assert proof(signer, clock) is None


def test_a_key_that_cannot_be_used_is_not_worth_another_try(signers: Signers) -> None:
    signer = signers.of(AZURE, "{}")
    assert signer is not None
    assert not signer.forget(())


@pytest.mark.parametrize(
    ("type_", "key"),
    [
        (ProviderType.OPENAI, '{"accessKeyId": "a"}'),
        (ProviderType.BEDROCK, "bedrock-api-key-x"),
        (ProviderType.VERTEX_AI, "ya29.token"),
        (ProviderType.AZURE_OPENAI, "0123456789abcdef"),
    ],
)
def test_a_plain_key_has_no_signer(signers: Signers, type_: ProviderType, key: str) -> None:
    assert signers.of(Provider(id="ai/p", type=type_, url="https://a"), key) is None


def test_a_signer_lasts_as_long_as_its_key_is_used(signers: Signers) -> None:
    key, other = azure_key("https://a"), azure_key("https://b")
    signer = signers.of(AZURE, key)
    assert signers.of(AZURE, key) is signer
    assert signers.of(AZURE, other) is not signer
    signers.keep([(AZURE, key), (VERTEX, "x")])
    assert signers.of(AZURE, key) is signer
    signers.keep([(AZURE, other)])
    assert signers.of(AZURE, key) is not signer


def test_signers_are_bounded(signers: Signers) -> None:
    kept = signers.of(AZURE, azure_key("https://kept"))
    first = signers.of(AZURE, azure_key("https://first"))
    for number in range(MOST_SIGNERS - 1):
        signers.of(AZURE, azure_key(f"https://{number}"))
        assert signers.of(AZURE, azure_key("https://kept")) is kept
    assert signers.of(AZURE, azure_key("https://first")) is not first


def test_a_process_without_such_providers_does_not_pay_for_them() -> None:
    program = (
        "import sys, fairlead_proxy.upstream.signing.signers;"
        "print([name for name in ('botocore.auth', 'google.auth', 'cryptography') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


@BOTH
async def test_endpoints_that_never_answer_hold_up_nobody_else(
    signers: Signers, clock: Clock, provider: Provider
) -> None:
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))  # where a configuration is loaded
    async with TokenEndpoint() as mute, TokenEndpoint() as living:
        mute.open.clear()
        hung = [signer_at(signers, f"{mute.url}/{number}", provider) for number in range(24)]
        waiting = [asyncio.create_task(failure_of(signer.ready())) for signer in hung]
        await eventually(lambda: mute.asked == len(hung))
        signer = signer_at(signers, living.url, provider)
        async with asyncio.timeout(DEADLINE_SECONDS / 2):
            await asyncio.to_thread(int)
            await signer.ready()
        assert proof(signer, clock) == "token-1"
        assert [task for task in waiting if task.done()] == []
        await signers.close()
        assert {(await task).detail for task in waiting} == {"this proxy ends"}
