"""Environments of every kind of action and observation: recorded as they are meant, said in the card, or a sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete

from world.data import DriveDataset
from world.data.gym import import_gym
from world.data.spaces import Actions, as_picture
from world.errors import DataError
from world.inputs import Inputs

PICTURE = Box(0, 255, (24, 32, 3), np.uint8)
FRAMES = 30


class Square(gymnasium.Env[Any, Any]):
    """A bright square on grey; `see` makes an observation of that picture. It is rendered upside down, to tell both apart."""

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012

    def __init__(
        self,
        action: gymnasium.Space[Any],
        observation: gymnasium.Space[Any] = PICTURE,
        see: Callable[[np.ndarray], Any] = lambda picture: picture,
        render_mode: str | None = None,
    ) -> None:
        self.action_space, self.observation_space, self.see, self.render_mode = action, observation, see, render_mode
        self.taken: list[Any] = []

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        return self.see(self.picture()), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        assert self.action_space.contains(action), action
        self.taken.append(action)
        return self.see(self.picture()), 0.0, False, False, {}

    def picture(self) -> np.ndarray:
        image = np.full((24, 32, 3), (60, 90, 120), np.uint8)
        image[4:10, 12:20] = 250
        return image

    def render(self) -> np.ndarray:
        return self.picture()[::-1]


class Blind(Square):
    """Cannot be rendered, and does not know the word."""

    metadata: dict[str, Any] = {}  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__(Discrete(2))


class Take:
    """Imports a Square; what it got, and the environment itself."""

    def __init__(self, room: Path) -> None:
        self.room, self.told, self.number = room, [], 0  # type: list[str]

    def __call__(
        self, *arguments: Any, fps: Any = 10, policy: str = "random", **options: Any
    ) -> tuple[DriveDataset, Square]:
        made: list[Square] = []

        def make(render_mode: str | None = None) -> Square:
            made.append(Square(*arguments, render_mode=render_mode))
            made[-1].metadata = Square.metadata | {"render_fps": fps}
            return made[-1]

        self.number += 1
        gymnasium.register("lucidtest/Square-v0", entry_point=make, order_enforce=False, disable_env_checker=True)
        try:
            out = self.room / f"set{self.number}"
            import_gym(
                "lucidtest/Square-v0", FRAMES, out, policy=policy, size=(24, 32), note=self.told.append, **options
            )
        finally:
            gymnasium.registry.pop("lucidtest/Square-v0")
        return DriveDataset.open(out), made[-1]


@pytest.fixture
def take(tmp_path: Path) -> Take:
    return Take(tmp_path)


def upright(dataset: DriveDataset) -> bool:
    """Whether the pictures are those of the observation."""
    image = dataset.images((24, 32))[3].astype(int)
    assert abs(image[2, 4] - (60, 90, 120)).max() < 12, image[2, 4]
    return bool(image[6, 16].min() > image[17, 16].max())


@pytest.mark.parametrize("fps", [None, 0])
def test_an_environment_that_does_not_say_how_long_a_step_takes(fps: Any, take: Take) -> None:
    dataset, env = take(Discrete(2), fps=fps)
    assert len(env.taken) == len(dataset) == FRAMES
    assert "does not say how long a step takes" in " ".join(take.told)


@pytest.mark.parametrize(
    ("space", "inputs"),
    [
        (Discrete(3, start=1), Inputs(("choice_0", "choice_1", "choice_2"), (0,) * 3, (1,) * 3, True)),
        (MultiDiscrete([3, 2]), Inputs(("choice_0", "choice_1"), (0, 0), (2, 1))),
        (MultiDiscrete([[3, 1], [2, 4]]), Inputs(tuple(f"choice_{n}" for n in range(4)), (0,) * 4, (2, 1, 1, 3))),
        (MultiDiscrete([3, 2], start=[-1, 5]), Inputs(("choice_0", "choice_1"), (0, 0), (2, 1))),
        (MultiBinary(3), Inputs(("choice_0", "choice_1", "choice_2"), (0,) * 3, (1,) * 3)),
        (Box(-2, 3, (2,), np.int64), Inputs(("a0", "a1"), (-2, -2), (3, 3))),
        (Box(-1, 1, (), np.float32), Inputs(("a0",), (-1,), (1,))),
    ],
    ids=lambda value: str(value)[:24],
)
def test_actions_of_every_kind(space: gymnasium.Space[Any], inputs: Inputs, take: Take) -> None:
    dataset, env = take(space)
    assert dataset.inputs == inputs
    actions = dataset.column("action").reshape(FRAMES, -1)
    mapped = Actions.of(env)
    np.testing.assert_allclose([mapped.flat(action) for action in env.taken], actions, atol=1e-6)
    assert len(np.unique(actions, axis=0)) > 1
    if not isinstance(space, Box):
        assert (actions == np.round(actions)).all()
    card = (dataset.root / "README.md").read_text()
    assert type(space).__name__ in card and ("flattened" in card) == isinstance(space, MultiDiscrete | MultiBinary)
    assert all(name in card for name in inputs.names)


def second(observation: Any) -> list[int]:
    return [1, 6]


def test_a_policy_of_several_choices(take: Take) -> None:
    dataset, env = take(MultiDiscrete([3, 2], start=[-1, 5]), policy="tests.world.data.test_spaces:second")
    assert [action.tolist() for action in env.taken] == [[1, 6]] * FRAMES
    assert (dataset.column("action") == [2, 1]).all()


@pytest.mark.parametrize(
    ("observation", "see"),
    [
        (PICTURE, lambda picture: picture),
        (Box(0, 255, (3, 24, 32), np.uint8), lambda picture: picture.transpose(2, 0, 1)),
        (Box(0, 1, (24, 32, 3), np.float32), lambda picture: (picture / 255).astype(np.float32)),
        (
            Box(-1, 1, (3, 24, 32), np.float32),
            lambda picture: (picture.transpose(2, 0, 1) / 127.5 - 1).astype(np.float32),
        ),
        (Box(0, 255, (24, 32, 3), np.float64), lambda picture: picture.astype(float)),
        (
            spaces.Dict({"speed": Box(-1, 1, (2,)), "camera": spaces.Dict({"front": PICTURE})}),
            lambda picture: {"speed": np.zeros(2, np.float32), "camera": {"front": picture}},
        ),
        (spaces.Tuple((Discrete(2), PICTURE)), lambda picture: (0, picture)),
    ],
    ids=["bytes", "channels first", "0 to 1", "-1 to 1", "0 to 255", "dict", "tuple"],
)
def test_observations_that_are_or_hold_a_picture(observation: Any, see: Any, take: Take) -> None:
    for pixels in ("auto", "obs"):
        assert upright(take(Discrete(2), observation, see, pixels=pixels)[0])
    assert not upright(take(Discrete(2), observation, see, pixels="render")[0])


@pytest.mark.parametrize(
    ("observation", "see"),
    [
        (Box(-1, 1, (2,)), lambda picture: np.zeros(2, np.float32)),
        (Box(0, 255, (7, 7, 3), np.uint8), lambda picture: np.full((7, 7, 3), 5, np.uint8)),
        (Box(0, 255, (24, 24, 3), np.uint8), lambda picture: np.full((24, 24, 3), 8, np.uint8)),
        (Box(0, 10, (24, 24, 3), np.uint8), lambda picture: np.full((24, 24, 3), 8, np.uint8)),
        (Box(0, 255, (24, 24), np.int64), lambda picture: np.full((24, 24), 8)),
        (Box(0, 255, (4, 24, 24), np.uint8), lambda picture: np.full((4, 24, 24), 99, np.uint8)),
        (
            spaces.Dict({"grid": Box(0, 255, (7, 7, 3), np.uint8)}),
            lambda picture: {"grid": np.full((7, 7, 3), 5, np.uint8)},
        ),
        (spaces.Text(9), lambda picture: "road"),
    ],
    ids=["vector", "small grid", "low numbers", "bounds", "integers", "four moments", "dict", "text"],
)
def test_symbols_are_not_recorded_as_pictures(observation: Any, see: Any, take: Take) -> None:
    dataset, _ = take(Discrete(2), observation, see)
    assert not upright(dataset) and "as rendered" in take.told[0]
    with pytest.raises(DataError, match="no colour picture"):
        take(Discrete(2), observation, see, pixels="obs")


def test_one_of_several_pictures(take: Take) -> None:
    both = spaces.Dict({"front": PICTURE, "rear": PICTURE})

    def see(picture: np.ndarray) -> dict[str, np.ndarray]:
        return {"front": picture, "rear": np.full_like(picture, 200)}

    assert not upright(take(Discrete(2), both, see)[0])
    assert take(Discrete(2), both, see, pixels="obs:rear")[0].images((24, 32)).mean() == pytest.approx(200, abs=3)
    with pytest.raises(DataError, match="take one with --pixels obs:KEY of front, rear"):
        take(Discrete(2), both, see, pixels="obs")
    with pytest.raises(DataError, match="no single observation 'left'; there are: front, rear"):
        take(Discrete(2), both, see, pixels="obs:left")
    with pytest.raises(DataError, match="not from 'eyes'"):
        take(Discrete(2), pixels="eyes")


def test_an_environment_that_cannot_be_rendered(tmp_path: Path) -> None:
    gymnasium.register("lucidtest/Blind-v0", entry_point=Blind, order_enforce=False, disable_env_checker=True)
    try:
        import_gym("lucidtest/Blind-v0", FRAMES, tmp_path / "set", size=(24, 32))
    finally:
        gymnasium.registry.pop("lucidtest/Blind-v0")
    assert upright(DriveDataset.open(tmp_path / "set"))


@pytest.mark.parametrize("shape", [(24, 32), (24, 32, 1), (1, 24, 32), (24, 32, 4), (4, 24, 32)])
def test_grey_and_transparent_pictures(shape: tuple[int, ...]) -> None:
    assert as_picture(np.full(shape, 70, np.uint8), None).tolist() == np.full((24, 32, 3), 70).tolist()


@pytest.mark.parametrize("shown", [None, np.zeros(5), np.full((24, 32, 3), np.nan), np.zeros((24, 32, 2), np.uint8)])
def test_what_is_no_picture(shown: Any) -> None:
    with pytest.raises(DataError, match="no colour picture"):
        as_picture(shown, None)
