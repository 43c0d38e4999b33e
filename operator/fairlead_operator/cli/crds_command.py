"""`fairlead crds`: prints the definitions of our kinds, for `kubectl apply -f -`."""


def crds() -> None:
    """Print the CustomResourceDefinitions: fairlead crds | kubectl apply --server-side -f -"""
    from fairlead_operator.resources.schema import crd_files

    print("---\n".join(crd_files().values()), end="")
