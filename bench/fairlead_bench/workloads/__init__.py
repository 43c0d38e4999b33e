"""The pieces of work on which gateways are compared: what each measures, and the figures that come of it."""
