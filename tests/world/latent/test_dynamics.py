"""The parts of the world model keep what their docstrings promise."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.tiny_world import TINY
from world import kinematics
from world.kinematics import Motion
from world.latent.blocks import TimeAttention, rotate
from world.latent.dynamics import LIMIT, Cache, Condition, Dynamics, sample
from world.latent.tokenizer import Tokenizer, to_float, to_uint8
from world.train.checkpoint import load_checkpoint, save_checkpoint

CONFIG = TINY.dynamics


def given_nothing(batch: int) -> Condition:
    shape = (batch, CONFIG.tokens, CONFIG.channels)
    parts = [torch.randn(shape, generator=torch.Generator().manual_seed(seed)) for seed in range(2)]
    return Condition(*parts, torch.ones(batch), torch.zeros(batch, 4), torch.zeros(batch, 6, dtype=torch.long))


def test_a_dream_cannot_run_away() -> None:
    conditions = given_nothing(1)
    conditions.last_BNC = 100 * conditions.last_BNC
    noise = torch.randn(1, CONFIG.tokens, CONFIG.channels, generator=torch.Generator().manual_seed(0))
    assert sample(Dynamics(CONFIG), noise, conditions, 2).abs().max() == LIMIT


def filled(module: torch.nn.Module) -> torch.nn.Module:
    generator = torch.Generator().manual_seed(0)
    for value in module.parameters():
        value.data = 0.1 * torch.randn(value.shape, generator=generator)
    return module.eval()


def test_an_untrained_dynamics_repeats_the_last_frame() -> None:
    conditions = given_nothing(2)
    out = Dynamics(CONFIG)(torch.randn(2, CONFIG.tokens, CONFIG.channels), torch.zeros(2), torch.ones(2), conditions)
    assert torch.equal(out, conditions.last_BNC)


def test_an_event_that_was_added_after_training_is_one_that_was_not_said() -> None:
    trained, later = filled(Dynamics(CONFIG)), Dynamics(CONFIG)
    weights = trained.state_dict()
    key = "field_in.event.weight"
    weights[key] = weights[key][:-1]
    later.load_state_dict(weights)
    table = later.state_dict()[key]
    assert torch.equal(table[:-1], weights[key]) and torch.equal(table[-1], weights[key][0])
    with pytest.raises(RuntimeError, match="size mismatch"):
        later.load_state_dict(weights | {key: torch.zeros(99, CONFIG.dim)})


def test_pca_alone_gives_the_picture_back() -> None:
    tokenizer = Tokenizer(TINY.tokenizer)
    pattern = torch.rand(8, 3, 1, 1) * torch.ones(8, 3, 72, 128)
    tokenizer.init_pca(pattern)
    assert (tokenizer.decode(tokenizer.encode(pattern)) - pattern).abs().max() < 1e-3


def test_pixels_survive_the_way_to_float_and_back() -> None:
    images = torch.randint(0, 256, (2, 72, 128, 3), dtype=torch.uint8)
    assert torch.equal(to_uint8(to_float(images)), images)


def test_a_stream_sees_what_a_clip_sees() -> None:
    time = filled(TimeAttention(32, 2))
    x = torch.randn(5, 48, 32)
    clip = time.clips(x, 5)
    past = (torch.zeros(48, 2, 0, 16), torch.zeros(48, 2, 0, 16))
    for frame in range(5):
        out, (key, value) = time.stream(x[frame : frame + 1], past)
        past = torch.cat([past[0], key], 2), torch.cat([past[1], value], 2)
        torch.testing.assert_close(out[0], clip[frame], atol=1e-5, rtol=1e-4)


def test_rotary_positions_are_relative() -> None:
    q, k = torch.randn(1, 16), torch.randn(1, 16)
    scores = [rotate(q, torch.tensor([at + 3])) @ rotate(k, torch.tensor([at])).T for at in (0, 7)]
    torch.testing.assert_close(scores[0], scores[1], atol=1e-4, rtol=1e-4)


def test_the_cache_forgets_the_oldest() -> None:
    dynamics, cache = filled(Dynamics(CONFIG)), Cache(CONFIG)
    for _ in range(CONFIG.context + 3):
        sample(dynamics, torch.randn(1, CONFIG.tokens, CONFIG.channels), given_nothing(1), 2, cache)
        cache.commit()
        assert cache.keys.shape[-2] <= CONFIG.context
    assert cache.keys.shape[-2] == CONFIG.context


@given(st.floats(0, 18), st.floats(-2, 2), st.floats(-2, 2))
def test_the_car_stays_within_its_limits(speed: float, steer: float, accel: float) -> None:
    moved = kinematics.step(Motion(speed), steer, accel)
    assert 0 <= moved.speed <= kinematics.MAX_SPEED
    assert abs(moved.yaw_rate) <= kinematics.MAX_YAW_RATE
    assert moved.yaw_rate * steer >= 0


@given(st.floats(2, 15), st.floats(-0.25, 0.25))
def test_steer_for_is_the_inverse_of_yaw_rate(speed: float, rate: float) -> None:
    assert kinematics.yaw_rate(kinematics.steer_for(rate, speed), speed) == pytest.approx(rate, abs=1e-6)


def test_a_half_written_checkpoint_does_not_count(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    ema = {key: value.clone() for key, value in model.state_dict().items()}
    save_checkpoint(tmp_path / "c", model, ema, optimizer, {"step": 7, "seconds": 1.5})
    half = tmp_path / "c.new"
    half.mkdir()
    (half / "tensors.safetensors").write_bytes(b"half")
    again = torch.nn.Linear(3, 2)
    fresh = torch.optim.AdamW(again.parameters())
    state = load_checkpoint(tmp_path / "c", again, {}, fresh)
    assert state == {"step": 7, "seconds": 1.5}
    assert torch.equal(again.weight, model.weight)
    assert torch.equal(fresh.state_dict()["state"][0]["exp_avg"], optimizer.state_dict()["state"][0]["exp_avg"])
    assert load_checkpoint(tmp_path / "none", again, {}, fresh) is None
