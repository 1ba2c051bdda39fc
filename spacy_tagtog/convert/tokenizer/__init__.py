"""Rules that a tokenizer learns from where entities begin and end."""
