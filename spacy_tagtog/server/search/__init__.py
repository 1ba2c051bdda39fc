"""tagtog's search language, and the index of words."""
