"""Every target, by name, in the order in which they are measured."""

from fairlead_bench.targets.direct import Direct
from fairlead_bench.targets.envoy import Envoy
from fairlead_bench.targets.fairlead import Fairlead
from fairlead_bench.targets.litellm import LiteLLM
from fairlead_bench.targets.portkey import Portkey
from fairlead_bench.targets.target import Target

TARGETS: dict[str, Target] = {target.name: target for target in (Direct(), Envoy(), Fairlead(), Portkey(), LiteLLM())}
