"""Tracks the best adapter over the validations, and whether there has been no better one for too long."""

from __future__ import annotations

import json
from pathlib import Path


class Best:
    """Written to `folder / "best.json"`, so that a resumed run knows it. The caller writes the adapter itself."""

    def __init__(self, folder: Path, patience: int) -> None:
        self.file, self.adapter, self.patience = folder / "best.json", folder / "adapter", patience
        self.exact, self.step, self.worse = -1.0, 0, 0
        if self.file.exists() and self.adapter.exists():
            record = json.loads(self.file.read_text())
            self.exact, self.step, self.worse = record["exact"], record["step"], record["worse"]

    @property
    def is_over(self) -> bool:
        """Whether `patience` validations in a row were no better, so that training should stop."""
        return self.worse >= self.patience

    def is_better(self, exact: float) -> bool:
        """Whether it is at least as good as the best so far: among equals the one trained longer wins."""
        if exact >= self.exact:
            return True
        self.worse += 1
        self._write()
        return False

    def note(self, step: int, exact: float) -> None:
        """Records that the adapter of `step`, now the best, has been written."""
        self.exact, self.step, self.worse = exact, step, 0
        self._write()

    def _write(self) -> None:
        self.file.write_text(json.dumps({"exact": self.exact, "step": self.step, "worse": self.worse}) + "\n")
