"""The Kubernetes objects that run the proxies."""
