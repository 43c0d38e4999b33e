"""Reads what proxies have spooled: which processes there were, and their records in order."""
