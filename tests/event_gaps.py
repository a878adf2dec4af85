"""What the events and the things on the road lack: a sentence each, with the file that it belongs in."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from finetune.book import LANGUAGES, SPLITS, read_book
from world.controls import Event
from world.errors import DataError
from world.events import event_rows
from world.scene.objects import SIZES, THINGS


def gaps() -> Iterator[str]:
    """Nothing, where every event can be named, played and said, and every thing drawn."""
    try:
        rows = event_rows()
        from world.dynamics.roles.cast import CASTS
        from world.render.assets import obstacles
    except DataError as error:
        yield str(error)
        return
    except AttributeError as error:
        yield f"{error} is neither an Event of world/controls.py nor a Kind of world/scene/objects.py: add it there."
        return
    for row in rows:
        if Event[row.event.upper()] not in CASTS:
            yield f"Nobody plays {row.event}: give it a row in CASTS of world/dynamics/roles/cast.py."
        yield from _unsaid(row.event)
    for kind in THINGS:
        if kind not in SIZES:
            yield f"{kind.name} has no size: give it a row in SIZES of world/scene/objects.py."
        if kind not in obstacles.THINGS:
            yield f"{kind.name} has no triangles: give it a row in THINGS of world/render/assets/obstacles.py."


def _unsaid(event: str) -> Iterator[str]:
    for language, form, split in product(LANGUAGES, ("order", "statement"), SPLITS):
        its = read_book(language).get(f"{form}.{event}")
        if its is None or not its.options[split]:
            yield f"Nobody says {event}: finetune/phrases/events.tsv has no phrase of kind {form}.{event} ({language}, {split})."


if __name__ == "__main__":
    print(*gaps(), sep="\n")
