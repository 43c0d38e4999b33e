"""The gateway that serves model calls; knows nothing of Kubernetes."""
