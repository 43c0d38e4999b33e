"""Says what was spent, from the sums that a store keeps of every hour."""
