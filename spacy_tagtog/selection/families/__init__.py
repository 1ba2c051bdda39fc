"""The strategies that come with the package, one family per file. All are deterministic under a seed."""
