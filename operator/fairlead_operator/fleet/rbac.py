"""What the operator must be allowed to do, as facts that the chart's roles are compared with."""

from typing import Any

Rule = dict[str, Any]

OURS = ["modelproviders", "routepolicies", "modelgateways"]

CLUSTER_RULES: tuple[Rule, ...] = (
    {"apiGroups": ["fairlead.dev"], "resources": OURS, "verbs": ["get", "list", "watch"]},
    # Server-side apply on /status is a patch of that subresource, and of nothing else of the object.
    {"apiGroups": ["fairlead.dev"], "resources": [f"{plural}/status" for plural in OURS], "verbs": ["patch"]},
    {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["rolebindings"], "verbs": ["list", "watch"]},
    {"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create"]},
)
"""Bound cluster-wide. There is no verb on secrets, and none that writes anything but status and events."""

GATEWAY_RULES: tuple[Rule, ...] = (
    {
        "apiGroups": [""],
        "resources": ["secrets"],
        "verbs": ["get", "list", "watch", "create", "patch", "delete"],
    },
    {
        "apiGroups": [""],
        "resources": ["configmaps", "serviceaccounts", "services"],
        "verbs": ["get", "list", "create", "patch", "delete"],
    },
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch", "patch"]},
    {
        "apiGroups": ["apps"],
        "resources": ["deployments"],
        "verbs": ["get", "list", "watch", "create", "patch", "delete"],
    },
    {
        "apiGroups": ["networking.k8s.io"],
        "resources": ["networkpolicies"],
        "verbs": ["get", "list", "create", "patch", "delete"],
    },
    {
        "apiGroups": ["policy"],
        "resources": ["poddisruptionbudgets"],
        "verbs": ["get", "list", "create", "patch", "delete"],
    },
)
"""Bound by a RoleBinding in each namespace where ModelGateways are honoured."""

SECRET_READER_RULES: tuple[Rule, ...] = (
    {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list", "watch"]},
)
"""The shipped ClusterRole `fairlead-secret-reader`, which the owner of a namespace binds there, or not."""

OWN_NAMESPACE_RULES: tuple[Rule, ...] = (
    {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "create", "update"]},
)
"""Bound by a RoleBinding in the operator's own namespace."""
