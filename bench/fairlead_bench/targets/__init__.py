"""The gateways that are measured: how each is installed, configured, started and called."""
