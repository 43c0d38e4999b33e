"""Every workload, by name, in the order in which they are measured."""

from fairlead_bench.workloads.calls import W1, W1LOW, W2, W_TLS
from fairlead_bench.workloads.failures import W4, W5
from fairlead_bench.workloads.sizes import W6, W8
from fairlead_bench.workloads.streams import W3, W3K
from fairlead_bench.workloads.swapping import W9
from fairlead_bench.workloads.workload import Workload

WORKLOADS: dict[str, Workload] = {each.name: each for each in (W1, W1LOW, W2, W_TLS, W3, W3K, W4, W5, W6, W8, W9)}
