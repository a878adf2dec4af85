"""Pictures of a run: a contact sheet of its clips, and a heat map of what it covers."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw

from bridge.factory.export.clips import StoredClip
from world.data.video import read_video

FRAMES, MOST = 6, 40  # pictures a clip, clips a sheet
EDGE, TEXT = 8, 16  # pixels
PAPER, INK = (250, 250, 248), (30, 32, 36)
LOW, HIGH = (236, 214, 206), (40, 122, 92)  # of the heat map: nothing accepted, everything


def contact_sheet(clips: Sequence[StoredClip]) -> bytes:
    """A PNG: a row of pictures for each of the first MOST clips, with its `caption`."""
    clips = clips[:MOST]
    height, width, _ = clips[0].shape
    size = EDGE + FRAMES * (width + EDGE), EDGE + len(clips) * (height + TEXT + EDGE)
    sheet = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(sheet)
    for row, clip in enumerate(clips):
        top = EDGE + row * (height + TEXT + EDGE)
        draw.text((EDGE, top), _fitting(draw, caption(clip), size[0] - 2 * EDGE), fill=INK)
        pictures = list(read_video(clip.video))
        for column, at in enumerate(np.linspace(0, len(pictures) - 1, FRAMES).round().astype(int)):
            sheet.paste(Image.fromarray(pictures[at]), (EDGE + column * (width + EDGE), top + TEXT))
    return _png(sheet)


def caption(clip: StoredClip) -> str:
    """`rain(2);left  seed 3  ped_cross(right) at 1.4 s, left at 6.1 s`."""
    findings = clip.fields["check"]["findings"]
    events = [f"{one['asked']} at {one['at']:.1f} s" for one in findings if one["at"] is not None]
    branch = clip.fields["job"]["branch"]
    line = f"{clip.line} > {branch}" if branch else clip.line
    return f"{line}   seed {clip.fields['seed']}   {', '.join(events)}"


def heat_map(cells: Mapping[tuple[str, str], tuple[int, int]]) -> bytes:
    """A PNG: events down, conditions across; each cell says how many clips of those asked for were accepted."""
    rows = sorted({down for down, _ in cells})
    columns = sorted({across for _, across in cells})
    left, wide, high, top = 190, 92, 24, 40
    sheet = Image.new("RGB", (left + wide * len(columns) + EDGE, top + high * len(rows) + EDGE), PAPER)
    draw = ImageDraw.Draw(sheet)
    for column, across in enumerate(columns):
        weather, _, time = across.partition(" ")
        draw.text((left + wide * column + 4, 6), f"{weather}\n{time}", fill=INK)
    for row, down in enumerate(rows):
        draw.text((EDGE, top + high * row + 6), _fitting(draw, down, left - 2 * EDGE), fill=INK)
        for column, across in enumerate(columns):
            good, total = cells.get((down, across), (0, 0))
            if not total:
                continue
            share = good / total
            colour = tuple(round(a + share * (b - a)) for a, b in zip(LOW, HIGH, strict=True))
            corner = left + wide * column, top + high * row
            draw.rectangle((*corner, corner[0] + wide - 3, corner[1] + high - 3), fill=colour)
            draw.text((corner[0] + 6, corner[1] + 5), f"{good} of {total}", fill=PAPER if share > 0.5 else INK)
    return _png(sheet)


def _fitting(draw: ImageDraw.ImageDraw, text: str, width: int) -> str:
    """The text cut to a width in pixels; the font has Latin letters, others become question marks."""
    text = text.encode("latin-1", "replace").decode("latin-1")
    while text and draw.textlength(text) > width:
        text = text[:-1]
    return text


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
