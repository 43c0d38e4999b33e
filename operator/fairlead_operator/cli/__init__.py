"""The command line; heavy imports stand inside the commands, only here."""
