"""Carries records from the spool into every store: one loop a store, none of which waits for another."""
