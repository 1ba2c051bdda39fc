"""A tokenizer that learns where entities begin and end."""

from spacy_tagtog.convert.tokenizer.apply import apply_rules
from spacy_tagtog.convert.tokenizer.gold import gold_texts
from spacy_tagtog.convert.tokenizer.learn import learn_tokenizer
from spacy_tagtog.convert.tokenizer.rules import TokenizerRules, read_rules, write_rules

__all__ = [
    "TokenizerRules",
    "apply_rules",
    "gold_texts",
    "learn_tokenizer",
    "read_rules",
    "write_rules",
]
