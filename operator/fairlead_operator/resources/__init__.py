"""The custom resources, as users write them."""
