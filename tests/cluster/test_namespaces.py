"""The namespaces that tests are given admit restricted pods only."""

import json

from cluster.kubectl import Kubectl


def test_a_namespace_of_a_tests_own_refuses_a_pod_that_is_not_restricted(kubectl: Kubectl, namespace: str) -> None:
    container = {"name": "any", "image": "localhost/any:1", "securityContext": {"runAsNonRoot": True}}
    metadata = {"name": "any", "namespace": namespace}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container]}}
    assert 'violates PodSecurity "restricted:latest"' in kubectl.refusal("create", "-f", "-", stdin=json.dumps(pod))
