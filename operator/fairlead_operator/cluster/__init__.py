"""The edge towards clusters and proxies: Kubernetes, or files and child processes."""
