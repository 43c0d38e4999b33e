"""Measures Fairlead beside other gateways, on the same work, the same core and in the same run."""
