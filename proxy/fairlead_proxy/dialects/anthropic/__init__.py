"""Anthropic's Messages, as callers speak them and as Anthropic answers them."""
