"""The local tagtog's database: one SQLite file."""
