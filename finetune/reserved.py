"""Fingerprints of the hand-written texts: the generator never writes one of them, nor one with the same template.

The texts themselves are not read here: they are for evaluation alone. `python -m finetune.reserved
finetune/benchmark/*.tsv` rewrites reserved.txt.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from finetune.cases import read_tsv, template

FILE = Path(__file__).with_name("reserved.txt")


def fingerprint(text: str) -> str:
    """Ten hexadecimal digits of the SHA-256 of a text's template."""
    return hashlib.sha256(template(text).encode()).hexdigest()[:10]


@cache
def reserved() -> frozenset[str]:
    """The fingerprints in reserved.txt."""
    return frozenset(FILE.read_text(encoding="utf-8").split())


def is_reserved(text: str) -> bool:
    """Whether the hand-written test has this text, or one that differs from it in a number, a side or capitals alone."""
    return fingerprint(text) in reserved()


def main(paths: Iterable[str]) -> None:
    """Rewrites reserved.txt from the texts of these TSV files. DataError where one has a bad line."""
    texts = {fingerprint(case.text) for path in paths for case in read_tsv(Path(path))}
    FILE.write_text("".join(f"{line}\n" for line in sorted(texts)), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
