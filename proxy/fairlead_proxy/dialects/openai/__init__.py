"""OpenAI's chat completions, which nearly every self-hosted model speaks too."""
