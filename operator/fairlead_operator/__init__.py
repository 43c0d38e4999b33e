"""Turns custom resources into a running fleet of proxies."""
