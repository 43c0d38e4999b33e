"""From resources to what the proxies load, with a verdict on each."""
