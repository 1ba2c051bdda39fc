"""Defaults that the functions share with the command line, which imports nothing heavy."""

from __future__ import annotations

from typing import Final

SEED_BELOW: Final = 20000
"""The seed model is trained below this number of annotated entities.

``benchmarks/learning_curve.py`` measured it, see docs/seed-model.md.
"""
