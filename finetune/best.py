"""Which of the adapters at the validations is the best one, and when there has been no better one for too long."""

from __future__ import annotations

import json
from pathlib import Path


class Best:
    """Kept in `folder / "best.json"`, so that a run that goes on knows it. The adapter itself is the caller's to write."""

    def __init__(self, folder: Path, patience: int) -> None:
        self.file, self.adapter, self.patience = folder / "best.json", folder / "adapter", patience
        self.exact, self.step, self.worse = -1.0, 0, 0
        if self.file.exists() and self.adapter.exists():
            kept = json.loads(self.file.read_text())
            self.exact, self.step, self.worse = kept["exact"], kept["step"], kept["worse"]

    @property
    def is_over(self) -> bool:
        """Whether so many validations in a row were no better that training should stop."""
        return self.worse >= self.patience

    def is_better(self, exact: float) -> bool:
        """Whether it is at least as good as the best so far: of equals the one that learnt longer is taken."""
        if exact >= self.exact:
            return True
        self.worse += 1
        self._write()
        return False

    def note(self, step: int, exact: float) -> None:
        """The adapter of `step` has been written: it is the best now."""
        self.exact, self.step, self.worse = exact, step, 0
        self._write()

    def _write(self) -> None:
        self.file.write_text(json.dumps({"exact": self.exact, "step": self.step, "worse": self.worse}) + "\n")
