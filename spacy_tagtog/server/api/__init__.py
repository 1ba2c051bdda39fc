"""tagtog's HTTP API on the local database."""
