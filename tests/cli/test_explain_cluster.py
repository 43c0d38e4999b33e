"""`fairlead explain` without files: by the objects of a cluster."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
import yaml
from cli.explained import Json, objects, the
from docs.fences import GUIDES
from doubles.api_server import ApiServer, serving
from doubles.case_files import input_of
from doubles.command_line import invoke
from typer.testing import Result

from fairlead_operator.cluster.kubernetes_config import Home, index_object, shard_object
from fairlead_operator.compiler.compile import compile_inventory
from fairlead_operator.inventory import Inventory, SecretData
from fairlead_operator.resources.meta import API_VERSION, Kind
from fairlead_operator.resources.parse import parse_resource
from fairlead_proxy.contract.snapshot import index_of, least_reader_of, pack

KINDS = {
    "Namespace": "/api/v1/namespaces",
    "ModelGateway": "modelgateways",
    "ModelProvider": "modelproviders",
    "RoutePolicy": "routepolicies",
}


@dataclass
class Cluster:
    """An API server in this process with a kubeconfig, whose context is in the namespace `team`."""

    server: ApiServer
    kubeconfig: Path

    async def put(self, content: Json) -> None:
        """Create or replace an object as an API server holds it: well by its status, if it gives none."""
        metadata = {"generation": 1, "creationTimestamp": "2026-11-20T10:00:00Z", **content["metadata"]}
        status = {"conditions": [{"type": "Accepted", "status": "True", "reason": "Accepted"}]}
        path = path_of(content["kind"], metadata.get("namespace", ""), metadata["name"])
        await self.server.put(path, {"status": status, **content, "metadata": metadata})

    async def explain(self, *arguments: object) -> Result:
        return await asyncio.to_thread(invoke, "explain", *arguments, "--kubeconfig", self.kubeconfig)

    async def explained(self, *arguments: object) -> Json:
        told: Json = json.loads((await self.explain(*arguments, "-o", "json")).stdout)
        return told


def path_of(kind: str, namespace: str, name: str = "") -> str:
    plural = KINDS[kind]
    collection = f"/apis/fairlead.dev/v1alpha1/namespaces/{namespace}/{plural}" if namespace else plural
    return f"{collection}/{name}".rstrip("/")


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    async with serving() as server:
        file = tmp_path / "kubeconfig"
        context = {"cluster": "c", "user": "u", "namespace": "team"}
        content = {
            "current-context": "here",
            "contexts": [{"name": "here", "context": context}],
            "clusters": [{"name": "c", "cluster": {"server": server.access.server}}],
            "users": [{"name": "u", "user": {"token": "t"}}],
        }
        file.write_text(yaml.safe_dump(content))
        found = Cluster(server, file)
        for each in objects():
            await found.put(each)
        yield found


async def test_the_targets_of_a_policy_in_the_cluster_stand_in_order_of_trial(cluster: Cluster) -> None:
    told = await cluster.explained("--model", "smart")
    assert (told["namespace"], told["policy"], told["rule"]) == ("team", "team/first", "all")
    assert [(each["target"], each["used"]) for each in told["targets"]] == [
        ("ai/fast/tiny", True),
        ("ai/fast/small", True),
        ("ai/slow/huge", True),
    ]


async def test_names_are_the_providers_that_are_tried_each_once(cluster: Cluster) -> None:
    named = await cluster.explain("--model", "smart", "-o", "name")
    assert named.stdout == "modelprovider.fairlead.dev/fast\nmodelprovider.fairlead.dev/slow\n"
    down = await cluster.explain("--model", "smart", "-o", "name", "--down", "ai/fast")
    assert (down.exit_code, down.stdout) == (0, "modelprovider.fairlead.dev/slow\n")


async def test_the_shapes_say_the_same(cluster: Cluster) -> None:
    told = {
        shape: (await cluster.explain("--model", "smart", "-o", shape)).stdout
        for shape in ("json", "yaml", "table", "text")
    }
    assert json.loads(told["json"]) == yaml.safe_load(told["yaml"])
    assert told["table"] == told["text"]
    assert "  3. ai/slow/huge   priority 2  fallback\n" in told["table"]


async def test_a_provider_that_is_supposed_to_be_well_and_is_not_is_named_unless_it_is_said_to_be_down(
    cluster: Cluster,
) -> None:
    accepted = {"type": "Accepted", "status": "True", "reason": "Accepted"}
    failing = {"type": "Healthy", "status": "False", "reason": "RateLimited", "message": "fast answers 429"}
    unseen = {"type": "Healthy", "status": "Unknown", "reason": "NoTraffic", "message": "nobody has called it"}
    for name, healthy in (("fast", failing), ("slow", unseen)):
        await cluster.put({**the("ModelProvider", name), "status": {"conditions": [accepted, healthy]}})
    hint = "ModelProvider ai/fast is not healthy now: RateLimited: fast answers 429; see --down ai/fast"
    told = await cluster.explained("--model", "smart")
    assert (told["hints"], told["targets"][0]["target"]) == ([hint], "ai/fast/tiny")
    assert (await cluster.explained("--model", "smart", "--down", "ai/fast"))["hints"] == []


async def test_no_secret_is_read_and_nothing_that_the_policies_do_not_lead_to(cluster: Cluster) -> None:
    await cluster.explain("--model", "smart")
    assert sorted({path for _, path in cluster.server.requests}) == sorted(
        [
            path_of("RoutePolicy", "team"),
            path_of("ModelGateway", "ai"),
            path_of("ModelProvider", "ai"),
            path_of("ModelProvider", "lab"),
            *(path_of("Namespace", "", name) for name in ("ai", "lab", "team")),
        ]
    )
    assert {method for method, _ in cluster.server.requests} == {"GET"}


async def test_the_older_policy_keeps_the_model_and_the_younger_says_so(cluster: Cluster) -> None:
    refused = await cluster.explain("--model", "other")
    assert refused.exit_code == 1
    assert "hint      the namespace team has the models partial, smart\n" in refused.stdout
    assert "hint      RoutePolicy team/second: spec.models: the virtual model 'smart' is offered by the older" in (
        refused.stdout
    )


async def test_a_namespace_whose_labels_the_gateway_does_not_select_has_no_model(cluster: Cluster) -> None:
    await cluster.put({**the("Namespace", "team"), "metadata": {"name": "team", "labels": {"tenant": "no"}}})
    refused = await cluster.explain("--model", "smart")
    assert (refused.exit_code, "refused   model_not_found" in refused.stdout) == (1, True)
    assert "RoutePolicy team/first: spec.gatewayRef: no ModelGateway ai/main exists that admits" in refused.stdout


async def test_a_provider_whose_consumers_do_not_hold_the_namespace_is_no_target(cluster: Cluster) -> None:
    fast = the("ModelProvider", "fast")
    await cluster.put({**fast, "spec": {**fast["spec"], "consumers": {}}})
    told = await cluster.explained("--model", "smart")
    assert [each["target"] for each in told["targets"]] == ["ai/slow/huge"]


async def test_a_target_that_its_owner_does_not_offer_is_told_with_the_remedy(cluster: Cluster) -> None:
    told = await cluster.explained("--model", "partial")
    assert [each["target"] for each in told["targets"]] == ["ai/fast/tiny"]
    assert told["hints"] == [
        "RoutePolicy team/partly: spec.rules[0].route.targets[1].provider: no ModelProvider lab/own is offered to this "
        "namespace by the gateway ai/main; correct it, or ask its owner"
    ]


async def test_what_a_status_says_otherwise_is_told(cluster: Cluster) -> None:
    conditions = [
        {"type": "Accepted", "status": "True", "reason": "Accepted"},
        {"type": "ResolvedRefs", "status": "False", "reason": "SecretNotFound", "message": "no Secret keys"},
    ]
    await cluster.put({**the("ModelProvider", "slow"), "status": {"conditions": conditions}})
    await cluster.put({**the("RoutePolicy", "first"), "status": {}})
    assert (await cluster.explained("--model", "smart"))["hints"] == [
        "RoutePolicy team/first: no status yet: no operator has looked at it",
        "ModelProvider ai/slow: SecretNotFound: no Secret keys",
    ]


async def test_a_status_of_an_older_generation_is_not_taken_for_one_of_now(cluster: Cluster) -> None:
    first = the("RoutePolicy", "first")
    status = {"observedGeneration": 1, "conditions": [{"type": "Accepted", "status": "True", "reason": "Accepted"}]}
    await cluster.put({**first, "metadata": {**first["metadata"], "generation": 2}, "status": status})
    hints = (await cluster.explained("--model", "smart"))["hints"]
    assert hints == ["RoutePolicy team/first: the status speaks of an older generation"]


@pytest.mark.parametrize(
    ("path", "right"),
    [
        (path_of("RoutePolicy", "team"), "list routepolicies.fairlead.dev in namespace team"),
        (path_of("ModelGateway", "ai"), "list modelgateways.fairlead.dev in namespace ai"),
        (path_of("ModelProvider", "lab"), "list modelproviders.fairlead.dev in namespace lab"),
        (path_of("Namespace", "", "lab"), "get namespaces in namespace lab"),
    ],
)
async def test_a_right_that_is_missing_is_named_and_nothing_is_guessed(cluster: Cluster, path: str, right: str) -> None:
    cluster.server.refuse(path, 403)
    refused = await cluster.explain("--model", "smart")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr.startswith(f"you lack a right: {right}")
    assert "role" in refused.stderr


async def test_an_api_server_that_does_not_know_the_user_is_told(cluster: Cluster) -> None:
    cluster.server.refuse(path_of("Namespace", "", "ai"), 401)
    refused = await cluster.explain("--model", "smart")
    assert (refused.exit_code, "does not know you" in refused.stderr) == (2, True)


async def test_of_two_gateways_that_offer_the_model_one_has_to_be_chosen(cluster: Cluster) -> None:
    first, spare = the("RoutePolicy", "first"), the("ModelGateway", "main")
    await cluster.put({**spare, "metadata": {"name": "spare", "namespace": "ai"}})
    spec = {**first["spec"], "gatewayRef": {"name": "spare", "namespace": "ai"}}
    await cluster.put({**first, "metadata": {**first["metadata"], "name": "third"}, "spec": spec})
    refused = await cluster.explain("--model", "smart")
    assert (refused.exit_code, refused.stderr) == (
        2,
        "the policies of namespace team offer smart at several gateways: ai/main, ai/spare; choose one with "
        "--gateway NAMESPACE/NAME\n",
    )
    assert (await cluster.explained("--model", "smart", "--gateway", "ai/spare"))["policy"] == "team/third"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-n", "lab"], "no RoutePolicy in namespace lab: its callers have no model"),
        (["--gateway", "main"], "--gateway main: not NAMESPACE/NAME; write for example ai-platform/main"),
        (["--gateway", "ai/gone"], "--gateway ai/gone: there is no ModelGateway ai/gone in the cluster"),
        (["--down", "ai/gone"], "--down ai/gone: no such provider in this gateway; it holds ai/fast, ai/slow"),
        (["-f", "objects.yaml"], "-f and --kubeconfig: files and something else to look at; give one of them"),
    ],
)
async def test_a_question_that_the_cluster_cannot_answer_is_refused(
    cluster: Cluster, options: list[str], message: str
) -> None:
    refused = await cluster.explain("--model", "smart", *options)
    assert (refused.exit_code, refused.stderr.startswith(message)) == (2, True), refused.stderr


async def test_a_gateway_that_is_not_there_is_told_by_the_field_that_names_it(cluster: Cluster) -> None:
    await cluster.server.remove(path_of("ModelGateway", "ai", "main"))
    refused = await cluster.explain("--model", "smart")
    assert refused.stderr.startswith("spec.gatewayRef of the policies of namespace team: there is no ModelGateway ai/")


async def test_a_gateway_that_is_refused_says_why(cluster: Cluster) -> None:
    await cluster.put({**the("ModelGateway", "main"), "spec": {"ledger": {}}})
    refused = await cluster.explain("--model", "smart")
    assert (refused.exit_code, refused.stderr.startswith("ModelGateway ai/main: spec.ledger: ")) == (2, True)


async def test_the_guide_shows_what_the_command_prints(cluster: Cluster) -> None:
    opened = {"ModelGateway": "tenants", "ModelProvider": "consumers"}
    for content in yaml.safe_load(input_of("kubectl", "fleet").read_text()):
        consent: Json = {opened[content["kind"]]: {"namespaceSelector": {}}} if content["kind"] in opened else {}
        await cluster.put({**content, "spec": {**content["spec"], **consent}})
    question = ["-n", "team-b", "--model", "smart", "--down", "ai/openai"]
    printed = (await cluster.explain(*question)).stdout
    assert f"$ kubectl fairlead explain {' '.join(question)}\n{printed}" in (GUIDES / "kubectl.md").read_text()


async def publish(server: ApiServer) -> None:
    """Put there what the operator would have published of the objects as they are."""
    contents = [each for each in server.objects.values() if each["kind"] in set(Kind)]
    found = [parse_resource({"apiVersion": API_VERSION, **each}) for each in contents]
    named = [each["metadata"] for each in objects() if each["kind"] == "Namespace"]
    labels = {each["name"]: each.get("labels", {}) for each in named}
    authorities = SecretData("ai", "authorities", {}, {"ca.crt": trustme.CA().cert_pem.bytes()})
    inventory = Inventory.of(found, namespaces=labels, secrets=[authorities], readable=["ai"])
    compiled = compile_inventory(inventory).gateways["ai/main"]
    home, [shard] = Home("ai", "main", ""), pack(compiled.fragments)
    index = index_of(compiled.revision, "a", [shard], min_reader=least_reader_of(compiled.fragments))
    for manifest in (index_object(home, index), shard_object(home, "a-0", shard)):
        await server.put(f"/api/v1/namespaces/ai/configmaps/{manifest['metadata']['name']}", dict(manifest))


@pytest.mark.parametrize(
    ("kind", "name", "spec"),
    [
        ("RoutePolicy", "first", {"gatewayRef": {"name": "main", "namespace": "ai"}, "models": ["smart"]}),
        ("ModelProvider", "slow", {"type": "OfTomorrow"}),
        ("ModelGateway", "main", {"tenants": {"everybody": True}}),
    ],
)
async def test_of_what_is_refused_as_it_is_written_the_version_that_is_still_served_decides(
    cluster: Cluster, kind: str, name: str, spec: Json
) -> None:
    await publish(cluster.server)
    edited = the(kind, name)
    await cluster.put({**edited, "spec": spec, "metadata": {**edited["metadata"], "generation": 2}})
    told = await cluster.explained("--model", "smart")
    assert [each["target"] for each in told["targets"]] == ["ai/fast/tiny", "ai/fast/small", "ai/slow/huge"]
    assert len(told["hints"]) == 1
    assert f"/{name}: generation 1 is still served; as it is written now: spec." in told["hints"][0]


async def test_who_may_not_read_what_is_served_is_told_where_that_decides(cluster: Cluster) -> None:
    await cluster.put({**the("ModelProvider", "slow"), "spec": {"type": "OfTomorrow"}})
    cluster.server.refuse("/api/v1/namespaces/ai/configmaps", 403)
    refused = await cluster.explain("--model", "smart")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr.startswith("you lack a right: get configmaps in namespace ai, which the policies lead to; ")


def test_without_files_and_without_any_cluster_the_remedies_are_named(tmp_path: Path) -> None:
    result = invoke("explain", "--model", "smart", environ={"HOME": str(tmp_path), "KUBECONFIG": ""})
    assert (result.exit_code, "--kubeconfig PATH, or --state DIR" in result.stderr) == (2, True)
