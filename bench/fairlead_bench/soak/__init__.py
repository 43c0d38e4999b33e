"""A soak: the proxy under load and random faults for a long time, where the end of every call must be explained."""
