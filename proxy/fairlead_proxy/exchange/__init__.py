"""The neutral vocabulary of a call."""
