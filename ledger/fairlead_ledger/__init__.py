"""Carries what proxies have spooled into stores, and says what was spent."""
