"""Videos as recorders write them are read as they are meant to be seen, or refused with a sentence."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

from tests.world.data.films import film, grey, shortened, trimmed
from world.data import DriveDataset
from world.data.footage import first_frames, import_video
from world.data.video import VideoWriter, read_pictures, read_video
from world.errors import DataError

STEADY = np.arange(100) / 25
ORANGE = (200, 60, 30)


def times(path: Path) -> list[float]:
    return [time for time, _ in read_pictures(path)]


def noise(number: int) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, (48, 64, 3), np.uint8)


def corner(number: int) -> np.ndarray:
    """Red at the top left of a wide picture."""
    image = np.zeros((48, 64, 3), np.uint8)
    image[:16, :16, 0] = 255
    return image


def test_what_a_lossless_cut_leads_in_with_is_neither_shown_nor_missed(tmp_path: Path) -> None:
    whole = film(tmp_path / "whole.mp4", np.arange(200) / 25, options={"g": "75", "bf": "2"})
    cut = trimmed(whole, tmp_path / "cut.mp4", 4.0, 3.0)
    with av.open(str(cut)) as container:
        assert container.streams.video[0].frames > 75  # the lead-in is in the file
    assert times(cut) == pytest.approx(np.arange(75) / 25)
    np.testing.assert_allclose(first_frames(cut).mean((1, 2, 3)), 20 + 2 * (100 + np.array([0, 2.5, 5])), atol=3)
    assert import_video(cut, tmp_path / "set", size=(48, 64)) == (30, 0)
    with pytest.raises(DataError, match="cut off"):
        times(shortened(film(tmp_path / "noise.mp4", np.arange(75) / 25, noise), tmp_path / "less.mp4"))


def test_a_hole_is_told_and_parts_the_drive(tmp_path: Path) -> None:
    broken = film(tmp_path / "drive.mp4", [*np.arange(50) / 25, *(12 + np.arange(75) / 30), *(15 + np.arange(5) / 30)])
    told: list[str] = []
    assert import_video(broken, tmp_path / "set", size=(48, 64), note=told.append) == (20 + 25, 0)
    dataset = DriveDataset.open(tmp_path / "set")
    assert np.diff(dataset.starts).tolist() == [20, 25]
    shades = dataset.images((48, 64)).mean((1, 2, 3))
    np.testing.assert_allclose(shades[:20], 20 + 5 * np.arange(20), atol=4)
    np.testing.assert_allclose(shades[20:], (20 + 2 * (50 + 3 * np.arange(25))) % 256, atol=4)
    assert "nothing between 1.96 s and 12.00 s" in told[0]
    assert "only 2 frames from 15.00 s on" in told[-1]
    with pytest.raises(DataError, match=r"shows nothing between 1\.96 s and 12 s; begin elsewhere"):
        first_frames(broken, 1.9)


def test_a_table_follows_the_video_over_a_hole(tmp_path: Path) -> None:
    moments = np.array([*np.arange(50) / 25, *(12 + np.arange(50) / 25)])
    broken = film(tmp_path / "drive.mp4", moments)
    table = tmp_path / "drive.csv"
    for rows in (moments, np.arange(0, 14, 0.02)):  # written by the same recorder, and by another
        head = "time,steer,accel\n"
        table.write_text(head + "".join(f"{moment:.4f},{moment / 20:.4f},0.5\n" for moment in rows))
        import_video(broken, tmp_path / f"set{len(rows)}", actions=table, size=(48, 64))
        steer = DriveDataset.open(tmp_path / f"set{len(rows)}").column("action")[:, 0]
        np.testing.assert_allclose(steer, [*np.arange(20) / 200, *(0.6 + np.arange(20) / 200)], atol=0.005)


def test_too_few_frames_are_no_holes(tmp_path: Path) -> None:
    for gap in (0.2, 0.5):
        with pytest.raises(DataError, match="fewer than the 10"):
            import_video(film(tmp_path / "slow.mp4", np.arange(30) * gap), tmp_path / "set")
        with pytest.raises(DataError, match="fewer than the 10"):
            first_frames(tmp_path / "slow.mp4")


@pytest.mark.parametrize("kind", ["mp4", "mkv", "ts"])
def test_a_first_time_that_is_not_zero(kind: str, tmp_path: Path) -> None:
    assert times(film(tmp_path / f"late.{kind}", 10 + STEADY)) == pytest.approx(STEADY, abs=0.002)


@pytest.mark.parametrize(
    ("degrees", "mirror", "shape", "at"),
    [
        (90, False, (64, 48), (-8, 8)),  # counter-clockwise: the top left comes to the bottom left
        (-90, False, (64, 48), (8, -8)),
        (180, False, (48, 64), (-8, -8)),
        (0, True, (48, 64), (8, -8)),
        (90, True, (64, 48), (-8, -8)),
    ],
)
def test_a_turned_picture_is_upright(
    degrees: int, mirror: bool, shape: tuple[int, int], at: tuple[int, int], tmp_path: Path
) -> None:
    path = film(
        tmp_path / "phone.mp4",
        STEADY[:3],
        corner,
        setup=lambda stream: stream.set_display_rotation(degrees, hflip=mirror),
    )
    image = next(read_video(path))
    assert image.shape == (*shape, 3)
    red = image[..., 0] > 128
    assert red[at] and red.sum() == pytest.approx(16 * 16, rel=0.2)
    assert next(read_video(path, (shape[0] // 2, shape[1] // 2))).shape == (shape[0] // 2, shape[1] // 2, 3)


def test_pixels_that_are_not_square_become_so(tmp_path: Path) -> None:
    def wide(stream: av.VideoStream) -> None:
        stream.sample_aspect_ratio = stream.codec_context.sample_aspect_ratio = Fraction(4, 3)

    assert next(read_video(film(tmp_path / "wide.mp4", STEADY[:3], setup=wide))).shape == (48, 85, 3)


@pytest.mark.parametrize(
    ("code", "space", "limits", "large"),
    [
        ("yuv420p", 1, ColorRange.MPEG, False),
        ("yuv420p", 1, ColorRange.JPEG, False),
        ("yuv420p", 6, ColorRange.MPEG, False),
        ("yuv420p10le", 1, ColorRange.MPEG, False),
        ("yuv444p", 1, ColorRange.MPEG, False),
        ("yuv420p", 2, ColorRange.UNSPECIFIED, False),  # untagged: BT.601's in small pictures, BT.709's in large ones
        ("yuv420p", 2, ColorRange.UNSPECIFIED, True),
    ],
)
def test_colours_of_any_range_matrix_and_depth(
    code: str, space: int, limits: ColorRange, large: bool, tmp_path: Path
) -> None:
    matrix = Colorspace.ITU709 if space == 1 or large else Colorspace.ITU601
    picture = np.full((720 if large else 48, 64, 3), ORANGE, np.uint8)

    def tag(stream: av.VideoStream) -> None:
        stream.codec_context.colorspace, stream.codec_context.color_range = space, int(limits)

    path = film(
        tmp_path / "colour.mp4",
        STEADY[:2],
        lambda _: picture,
        code=code,
        setup=tag,
        before=lambda frame: frame.reformat(
            format=code, dst_colorspace=matrix, dst_color_range=limits or ColorRange.MPEG
        ),
    )
    np.testing.assert_allclose(next(read_video(path))[20, 30], ORANGE, atol=4)


@pytest.mark.parametrize("height", [48, 720])
def test_what_we_write_comes_back_in_its_colours(height: int, tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "ours.mp4", 10) as writer:
        writer.write(np.full((height, 64, 3), ORANGE, np.uint8))
    np.testing.assert_allclose(next(read_video(tmp_path / "ours.mp4"))[20, 30], ORANGE, atol=4)


@pytest.mark.parametrize(
    ("curve", "codes"),
    [
        (ColorTrc.SMPTE2084, (0.0, 0.4401, 0.5081, 0.5807, 0.7518, 0.9)),  # 0, 50, 100, 203, 1000 and 4000 cd/m2
        (ColorTrc.ARIB_STD_B67, (0.0, 0.3, 0.5, 0.75, 0.9, 1.0)),
    ],
)
def test_high_dynamic_range_is_mapped_to_the_ordinary_one(
    curve: ColorTrc, codes: tuple[float, ...], tmp_path: Path
) -> None:
    def tag(stream: av.VideoStream) -> None:
        context = stream.codec_context
        context.color_trc, context.color_primaries = int(curve), int(ColorPrimaries.BT2020)
        context.colorspace, context.color_range = 9, int(ColorRange.MPEG)

    path = film(
        tmp_path / "hdr.mp4",
        STEADY[: len(codes)],
        lambda number: np.full((48, 64, 3), codes[number] * 65535, np.uint16),
        code="yuv420p10le",
        setup=tag,
        before=lambda frame: frame.reformat(
            format="yuv420p10le", dst_colorspace=Colorspace.BT2020, dst_color_range=ColorRange.MPEG
        ),
    )
    shown = np.array([image[20, 30] for image in read_video(path)]).astype(int)
    assert np.ptp(shown, axis=1).max() <= 3  # greys stay grey
    greys = shown[:, 1]
    assert greys[0] <= 3 and (np.diff(greys)[:4] > 10).all() and greys[-1] >= 250
    assert 190 <= greys[3] <= 235  # paper white is bright, and leaves room for what is brighter
    if curve == ColorTrc.SMPTE2084:
        assert greys[1] == pytest.approx(255 * (50 / 203) ** (1 / 2.4), abs=4)  # below the knee as it was


def test_two_moments_that_are_woven_into_one_picture_are_parted(tmp_path: Path) -> None:
    def woven(number: int) -> np.ndarray:
        image = np.zeros((96, 128, 3), np.uint8)
        image[::2, 4 + 4 * number : 20 + 4 * number] = 255
        image[1::2, 6 + 4 * number : 22 + 4 * number] = 255  # half a frame later
        return image

    def comb(image: np.ndarray) -> int:
        return int(np.abs(np.diff(image[20:76, :, 0].astype(int), axis=0)).sum())

    path = film(tmp_path / "tv.mp4", STEADY[:20], woven, options={"x264-params": "tff=1"})
    pictures = list(read_pictures(path))
    assert [time for time, _ in pictures] == pytest.approx(STEADY[:20], abs=0.002)
    image = pictures[10][1].rgb()
    assert comb(image) < 0.2 * comb(woven(10)) and (image > 200).mean() == pytest.approx(16 / 128, rel=0.1)


def test_odd_sizes(tmp_path: Path) -> None:
    path = film(tmp_path / "odd.mkv", STEADY, lambda number: grey(number, (47, 63)), code="yuv444p")
    assert next(read_video(path)).shape == (47, 63, 3)
    assert import_video(path, tmp_path / "set", size=(48, 64)) == (40, 0)


def test_of_several_videos_one_is_taken_and_all_are_named(tmp_path: Path) -> None:
    path = tmp_path / "dashcam.mp4"
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("libx264", rate=25) for _ in range(2)]
        for stream in streams:
            stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        for stream, shade in zip(streams, (50, 150), strict=True):
            for _ in range(40):
                picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), shade, np.uint8), format="rgb24")
                container.mux(stream.encode(picture))
            container.mux(stream.encode())
    told: list[str] = []
    for number, shade in ((None, 50), (1, 150)):
        import_video(path, tmp_path / f"set{number}", size=(48, 64), stream=number, note=told.append)
        assert DriveDataset.open(tmp_path / f"set{number}").images((48, 64)).mean() == pytest.approx(shade, abs=3)
    assert len(told) == 1 and "0 (64x48 h264), 1 (64x48 h264); 0 is taken" in told[0]
    with pytest.raises(DataError, match="no video stream 2; it has 2"):
        import_video(path, tmp_path / "none", stream=2)


def test_sound_only(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "song.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        sound.sample_rate, sound.pts = 16000, 0
        container.mux(stream.encode(sound))
        container.mux(stream.encode())
    with pytest.raises(DataError, match="has sound only"):
        import_video(tmp_path / "song.mp4", tmp_path / "set")
