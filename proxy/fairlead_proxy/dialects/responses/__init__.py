"""OpenAI's Responses API: the dialect of its callers and of its providers."""
