"""When to stop asking a provider, when to ask again, and how long to wait."""
