"""How far annotators agree, one version out of many, and what reviewers changed."""
