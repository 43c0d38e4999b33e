"""A listener that speaks TLS on a real API server: its Secret is renewed, and nothing rolls."""

import http.client
import ssl
from contextlib import closing
from pathlib import Path

import openai
import trustme
from cluster.loop.conftest import KEY
from cluster.loop.stage import Json, Stage, gateway, policy, simulated
from cluster.processes import wait_until
from fence.stage_canaries import PROMPT

LISTENERS = [{"name": "https", "port": 8443, "tls": {"secretName": "gw-tls"}}]
LIVE_SECONDS = 10.0


def tls_secret(stage: Stage, authority: trustme.CA) -> None:
    issued = authority.issue_cert("127.0.0.1")
    chain = b"".join(part.bytes() for part in issued.cert_chain_pems).decode()
    content: Json = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"name": "gw-tls", "namespace": stage.platform},
        "stringData": {"tls.crt": chain, "tls.key": issued.private_key_pem.bytes().decode()},
    }
    stage.kubectl.apply(content)


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def shown(authority: trustme.CA, address: str) -> bytes | None:
    """Return the certificate that a new connection is shown; None where there is none."""
    host, _, port = address.partition(":")
    try:
        with closing(http.client.HTTPSConnection(host, int(port), context=trusting(authority), timeout=5)) as one:
            one.connect()
            assert isinstance(one.sock, ssl.SSLSocket)
            return one.sock.getpeercert(binary_form=True)
    except OSError:
        return None


def test_calls_come_over_tls_and_a_renewed_certificate_rolls_nothing(stage: Stage, tmp_path: Path) -> None:
    authority = trustme.CA()
    stage.secret("caller", labels={"fairlead.dev/key": "true"}, key=KEY)
    stage.create("ModelProvider", "sim", simulated())
    stage.create("RoutePolicy", "smart", policy(stage.platform, ["sim/small"]))
    stage.create("ModelGateway", "main", gateway(replicas=1, listeners=LISTENERS))
    missing = stage.wait_for("modelgateway", "main", "ResolvedRefs", "False", "SecretNotFound")
    assert missing["message"].startswith("spec.listeners[0].tls.secretName: the Secret gw-tls does not exist")

    tls_secret(stage, authority)
    stage.wait_for("modelgateway", "main", "Ready", "True", seconds=60)
    address = stage.node.expose(stage.platform, "main", "https")
    wait_until(lambda: shown(authority, address) is not None, what="TLS is spoken", seconds=30)
    client = openai.DefaultHttpxClient(verify=trusting(authority))
    with openai.OpenAI(base_url=f"https://{address}/v1", api_key=KEY, max_retries=0, http_client=client) as sdk:
        sdk.chat.completions.create(model="smart", messages=[{"role": "user", "content": PROMPT}])
        before, pods = shown(authority, address), stage.restarts()

        tls_secret(stage, authority)
        wait_until(
            lambda: shown(authority, address) not in (None, before), what="the new one is shown", seconds=LIVE_SECONDS
        )
        sdk.chat.completions.create(model="smart", messages=[{"role": "user", "content": PROMPT}])
        assert stage.restarts() == pods, "the same pods, none restarted"

    published = stage.kubectl("get", "configmaps", "-n", stage.platform, "-o", "yaml")
    assert "PRIVATE" not in published
