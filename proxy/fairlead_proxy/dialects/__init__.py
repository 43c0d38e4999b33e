"""Wire formats: each is two pure translations to and from the neutral vocabulary."""
