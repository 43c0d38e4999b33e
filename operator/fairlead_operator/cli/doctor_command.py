"""`fairlead doctor`: what is not as it should be, why, and what to do."""

import typer

from fairlead_operator.cli.cluster_options import (
    Context,
    Every,
    Kubeconfig,
    Namespace,
    OperatorNamespace,
    ServiceAccount,
    Shape,
    ShapeOption,
    StateOption,
    Where,
)
from fairlead_operator.cli.options import FINDINGS, refuse


def doctor(
    namespace: Namespace = "",
    every: Every = False,
    operator_namespace: OperatorNamespace = "fairlead-system",
    service_account: ServiceAccount = "fairlead-operator",
    output: ShapeOption = Shape.TABLE,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    state: StateOption = None,
) -> None:
    """Check definitions, rights, the operator's Lease and watches, and what each proxy has acknowledged.

    Each line is ok, warn, fail or unknown; what may not be read is unknown. Exit 1 if anything fails.
    """
    from fairlead_operator.cli.diagnosis import Level, diagnosis_answer
    from fairlead_operator.cli.doctor_lookup import examine
    from fairlead_operator.cli.gathered import GatherRefused
    from fairlead_operator.cli.telling import tell

    try:
        findings = examine(Where(namespace, every, context, kubeconfig, state), operator_namespace, service_account)
    except GatherRefused as refused:
        refuse(str(refused))
    tell(diagnosis_answer(findings), output)
    if any(finding.level is Level.FAIL for finding in findings):
        raise typer.Exit(FINDINGS)
