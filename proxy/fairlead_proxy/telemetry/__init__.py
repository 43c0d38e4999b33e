"""Metrics, access log and decision records, all read from outcomes."""
