"""Loops of torch's own: every sample for itself (batch.py), and one compiled graph (compiled.py)."""
