"""The numbers of the README and the model card: how the world does on towns it never saw, seen by a judge of its own."""

from world.evaluate.report import HEAD, judge_rows, markdown, rows, table
from world.evaluate.world import MEASUREMENTS, evaluate_judge, evaluate_world

__all__ = ["HEAD", "MEASUREMENTS", "evaluate_judge", "evaluate_world", "judge_rows", "markdown", "rows", "table"]
