"""A run that proves the ledger: what was booked beside what scripted providers charge, while everything goes wrong."""
