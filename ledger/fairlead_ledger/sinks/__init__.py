"""The kinds of stores that records are carried into, each behind one protocol."""
