"""From likeness to the score that people ask for."""

NOTHING_BELOW = 0.65
"""How far likeness falls from 1 until the score is 0: true prompts score 0.7 to 1, and 0.7 is what users ask for."""


def score_of(likeness: float) -> float:
    """0 to 1."""
    return max(1 - (1 - likeness) / NOTHING_BELOW, 0.0)
