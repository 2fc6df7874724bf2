"""When a figure is out of bounds. Exact: a threshold of 0.1 percent means that, not its nearest binary fraction."""

from fractions import Fraction


def rate(delivered: int, failed: int) -> Fraction | None:
    """In percent; None when nothing was attempted, which is no rate."""
    attempted = delivered + failed
    return Fraction(100 * delivered, attempted) if attempted > 0 else None


def change(before: int, now: int) -> Fraction | None:
    """In percent of what it was before; None when there was nothing to be a percentage of."""
    return Fraction(100 * (now - before), before) if before > 0 else None


def is_below(percent: Fraction, threshold: float) -> bool:
    return percent < Fraction(str(threshold))


def is_outside(percent: Fraction, threshold: float) -> bool:
    """Exactly at the threshold is still inside."""
    return abs(percent) > Fraction(str(threshold))
