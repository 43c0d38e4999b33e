"""What this proxy has observed of each provider."""
