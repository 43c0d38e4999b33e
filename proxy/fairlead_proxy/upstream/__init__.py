"""The edge towards providers."""
