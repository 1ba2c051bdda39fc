"""Calibration: accurate probabilities."""
