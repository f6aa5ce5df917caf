"""Models of series: observations that arrive at times of their own (lessons 19 and 20)."""

from nodekit.models.series.cde import CDE

__all__ = ["CDE"]
