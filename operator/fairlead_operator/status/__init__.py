"""From verdicts and proxy reports to the status users read."""
