"""A task for a process beside the page that waits to be let go; apart from the tests, so that the process has little to import."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from world.errors import DataError
from world.telling import Say


@dataclass(frozen=True)
class Note:
    """Writes its process's number into a file, once there is a file `gate`."""

    folder: Path
    name: str
    fault: str = ""

    @property
    def path(self) -> Path:
        return self.folder / self.name

    @property
    def ready(self) -> bool:
        return self.path.exists()

    @property
    def memory(self) -> int:
        return 1000

    def make(self, tell: Say) -> None:
        tell("begun")
        while not (self.folder / "gate").exists():
            time.sleep(0.02)
        if self.fault == "dies":
            os._exit(3)
        if self.fault:
            raise DataError(self.fault)
        self.path.write_text(str(os.getpid()))
