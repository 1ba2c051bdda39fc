"""The loop that turns by itself: rounds, the gate, and the models that came of them."""

from spacy_tagtog.loop.gate import GateRules
from spacy_tagtog.loop.loop import Loop
from spacy_tagtog.loop.settings import LoopSettings

__all__ = ["GateRules", "Loop", "LoopSettings"]
