"""Why something that was routed before is not routed now: gone, refused, not held, or without its owner's consent."""

from dataclasses import dataclass
from typing import Any

from fairlead_operator.cli.routing import Offer
from fairlead_operator.cli.sources import Sources
from fairlead_operator.resources.found import Found
from fairlead_operator.resources.meta import Kind, ObjectRef
from fairlead_operator.verdict import Reason, Truth, Verdict


@dataclass(frozen=True, slots=True)
class FoundCause:
    """Looks for the cause in the new files. It tells the owner of all files more than a tenant's status would."""

    new: Sources

    def of_offer(self, offer: Offer, policy: str) -> str:
        ref = _ref(Kind.ROUTE_POLICY, policy)
        verdict = self._accepted(ref)
        if isinstance(verdict, str):
            return verdict
        if verdict.resolved_refs.reason is Reason.GATEWAY_NOT_FOUND:
            return verdict.resolved_refs.message
        spec = self.new.objects.found[ref].spec
        if spec is None or offer.model not in spec.models or spec.gateway_ref.id(ref.namespace) != offer.gateway:
            return ""
        named = [target for rule in spec.rules for target in rule.route.targets]
        written = dict.fromkeys(f"{each.provider.id(ref.namespace)}/{each.model}" for each in named)
        causes = [self.of_target(offer, policy, target) for target in written]
        return "; ".join(filter(None, causes)) or verdict.resolved_refs.message

    def of_target(self, offer: Offer, policy: str, target: str) -> str:
        provider, _, model = target.rpartition("/")
        if not self._names(policy, target):
            return ""
        ref = _ref(Kind.MODEL_PROVIDER, provider)
        verdict = self._accepted(ref)
        if isinstance(verdict, str):
            return verdict
        gateway = self.new.compilation.gateways.get(offer.gateway)
        held = next((each for each in gateway.providers if each.id == provider), None) if gateway else None
        if held is None:
            return f"the gateway {offer.gateway} does not hold {ref}: see its gatewayRefs, and the gateway's tenants"
        if not held.consumers.admits(held.namespace, offer.namespace):
            return f"{ref} does not admit the namespace {offer.namespace}: see its consumers"
        return "" if held.model(model) else f"{ref} has no model {model}"

    def _accepted(self, ref: ObjectRef) -> Verdict | str:
        """Return the verdict on an object that is there and valid; else what is the matter with it."""
        verdict = self.new.compilation.verdicts.get(ref)
        if verdict is None:
            return f"{ref} is gone"
        if verdict.accepted.truth is not Truth.TRUE:
            return f"{ref} is {verdict.accepted.reason}: {_problem(self.new.objects.found[ref], verdict)}"
        return verdict

    def _names(self, policy: str, target: str) -> bool:
        """Say whether the policy, as it is written now, still asks for this target."""
        found = self.new.objects.found.get(_ref(Kind.ROUTE_POLICY, policy))
        if found is None or found.spec is None:
            return False
        namespace = found.ref.namespace
        targets = (each for rule in found.spec.rules for each in rule.route.targets)
        return any(f"{each.provider.id(namespace)}/{each.model}" == target for each in targets)


def _ref(kind: Kind, object_id: str) -> ObjectRef:
    namespace, _, name = object_id.partition("/")
    return ObjectRef(kind, namespace, name)


def _problem(found: Found[Any], verdict: Verdict) -> str:
    return found.problems[0] if found.problems else verdict.accepted.message
