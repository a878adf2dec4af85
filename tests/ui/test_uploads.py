"""What a person may begin a dream in, and what else they may send."""

from __future__ import annotations

import io
import zlib
from contextlib import ExitStack

import av
import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.ui.fake_page import FakeDreamer
from tests.ui.tabs import tab
from ui.uploads import frames_of
from world.data.video import VideoWriter
from world.errors import DataError


def picture(kind: str = "JPEG", size: tuple[int, int] = (320, 200)) -> bytes:
    data = io.BytesIO()
    Image.fromarray(np.full((size[1], size[0], 3), (200, 100, 50), np.uint8)).save(data, kind)
    return data.getvalue()


def film(frames: int = 20, size: tuple[int, int] = (128, 72), fps: int = 10) -> bytes:
    data = io.BytesIO()
    with VideoWriter(data, fps) as writer:
        for number in range(frames):
            writer.write(np.full((size[1], size[0], 3), number * 10 % 255, np.uint8))
    return data.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_picture_becomes_one_frame(kind: str) -> None:
    frames = frames_of(picture(kind))
    assert frames.shape == (1, 288, 512, 3) and frames.dtype == np.uint8
    assert np.abs(frames.astype(int) - (200, 100, 50)).max() < 12


def test_a_film_becomes_the_frames_a_tenth_apart() -> None:
    frames = frames_of(film(fps=20, frames=30))
    assert [round(int(frame.mean()) / 10) for frame in frames] == [0, 2, 4]
    assert [round(int(frame.mean()) / 10) for frame in frames_of(film(), at=0.5)] == [5, 6, 7]


def bomb() -> bytes:
    """A PNG of 60,000 x 60,000 that is a few kB."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    head = (60_000).to_bytes(4, "big") * 2 + b"\x08\x02\x00\x00\x00"
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0" * 100_000))
        + chunk(b"IEND", b"")
    )


def sound() -> bytes:
    data = io.BytesIO()
    with av.open(data, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=8000)
        assert isinstance(stream, av.AudioStream)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return data.getvalue()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "none of these"),
        (b"GIF89a" + b"\0" * 100, "none of these"),
        (b"<svg onload=alert(1)>", "none of these"),
        (b"#EXTM3U\nfile:///etc/passwd", "none of these"),
        (picture()[:200], "cannot be read"),
        (b"\xff\xd8\xff" + b"\0" * 500, "cannot be read"),
        (picture(size=(16, 16)), "too small"),
        (film()[:400], "cannot be read"),
        (b"\0\0\0\x18ftypmp42" + b"#EXTM3U\nfile:///etc/passwd", "cannot be read"),
        (film(frames=2), "no 0.3 s"),
        (film().replace(b"avc1", b"zzz1"), "cannot be read"),  # of a codec that nobody knows
    ],
)
def test_what_is_no_picture_and_no_film_is_a_sentence(data: bytes, said: str) -> None:
    with pytest.raises(DataError, match=said) as error:
        frames_of(data)
    assert str(error.value).endswith(".")


def test_bombs_and_sounds_are_refused() -> None:
    for data in (bomb(), sound()):
        with pytest.raises(DataError):
            frames_of(data)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([picture("PNG"), picture("JPEG"), film(6)]), st.data())
def test_damaged_files_are_a_sentence_or_frames(whole: bytes, data: st.DataObject) -> None:
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 12))):
        damaged[data.draw(st.integers(12, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        frames = frames_of(bytes(damaged))
    except DataError:
        return
    assert frames.shape[1:] == (288, 512, 3)


def test_an_upload_begins_the_dream_of_that_tab_alone(page: str, fake_dreamer: FakeDreamer) -> None:
    with ExitStack() as tabs:
        token = tabs.enter_context(tab(page)).next("hello")["token"]
        drive = fake_dreamer.drives[-1]
        tabs.enter_context(tab(page)).next("hello")  # opened after the first one's drive began: which is whose is known
        strange = fake_dreamer.drives[-1]
        assert httpx.post(f"{page}/drives/{token}/begin?seed=4&kmh=40", content=picture()).status_code == 204
        assert ("pictures", (1, 288, 512, 3)) in drive.calls and ("begin", 4, None) in drive.calls
        assert all(call[0] != "pictures" for call in strange.calls)
        answer = httpx.post(f"{page}/drives/{token}/begin", content=b"GIF89a")
        assert answer.status_code == 400 and "none of these" in answer.text
        for query in ("kmh=1000", "at=-1", "seed=-1", "kmh=nan"):
            assert httpx.post(f"{page}/drives/{token}/begin?{query}", content=picture()).status_code in (400, 422)
        assert httpx.post(f"{page}/drives/nobody/begin", content=picture()).status_code == 404
