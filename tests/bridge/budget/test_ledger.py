"""Leases: never more than there is, whoever asks in whatever order, and a refusal that says what would fit."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.bench.faults.counted_device import CountedDevice
from bridge.budget.device import Cuda, Device, Ram, out_of_memory
from bridge.budget.ledger import Alternative, Lease, Ledger, NoRoomError
from bridge.budget.sizes import GIB, MIB
from bridge.budget.worlds import world_size
from world import machine
from world.controls import Control, Weather
from world.dream import step_all
from world.files import to_device
from world.latent.dream import LatentDream
from world.model import WorldModel
from world.presets import preset

OPERATIONS = 1000


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**64), st.integers(0, 2000), st.integers(0, 2000))
def test_no_interleaving_exceeds_the_capacity(seed: int, total: int, capacity: int) -> None:
    random = Random(seed)
    device = CountedDevice(total)
    ledger = Ledger(device, capacity)
    leases: list[Lease] = []
    mine: dict[Lease, int] = {}
    for number in range(OPERATIONS):
        before = ledger.reserved
        lease = random.choice(leases) if leases else None
        match random.randrange(6):
            case 0 | 1:
                size = random.randrange(max(1, capacity // 2) + 1)
                try:
                    lease = ledger.reserve(f"owner {number}", size)
                    assert ledger.reserved + device.tenant <= total
                    leases.append(lease)
                    mine[lease] = size
                except NoRoomError as error:
                    assert size >= error.room == ledger.room
            case 2 if lease is not None:
                size = random.randrange(capacity + 1)
                try:
                    lease.commit(size)
                    mine[lease] = size
                except NoRoomError:
                    assert size > mine[lease]
            case 3 if lease is not None:
                lease.release()
                lease.release()
                leases.remove(lease)
                del mine[lease]
            case 4:
                device.tenant = random.randrange(total + 1)
                assert ledger.reserved == before
            case 5 if not ledger.overrun:
                with pytest.raises(OSError), ledger.loading("a load", ledger.room):
                    assert ledger.reserved <= capacity
                    raise OSError
                assert ledger.reserved == before
        assert ledger.reserved == sum(mine.values()) <= min(total, capacity)
        assert ledger.room == 0 or ledger.overrun == 0
        assert ledger.reserved + ledger.room - ledger.overrun == min(capacity, total - device.tenant)


def test_threads_together_never_get_more_than_there_is() -> None:
    ledger = Ledger(CountedDevice(1000))
    most, loads = [0], [0]

    def work(seed: int) -> None:
        random = Random(seed)
        for _ in range(200):
            try:
                with ledger.loading(f"thread {seed}", random.randrange(1, 400)) as lease:
                    loads[0] += 1
                    assert loads[0] == 1  # one at a time
                    loads[0] -= 1
                with lease:
                    most[0] = max(most[0], ledger.reserved)
            except NoRoomError:
                pass

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert 0 < most[0] <= 1000
    assert ledger.reserved == loads[0] == 0


def test_a_refusal_says_why_and_what_would_fit() -> None:
    device = CountedDevice(32 * GIB)
    device.tenant = 20 * GIB
    ledger = Ledger(device)
    ledger.reserve("the world", 4 * GIB).commit()
    offers = [Alternative("Qwen3-14B", 10 * GIB), Alternative("Qwen3-8B", 6 * GIB), Alternative("Qwen3-4B", 3 * GIB)]
    with pytest.raises(NoRoomError) as refused:
        ledger.reserve("the brain", 20 * GIB, offers)
    message = str(refused.value)
    assert refused.value.fits == offers[1]
    assert (refused.value.needed, refused.value.room) == (20 * GIB, 8 * GIB)
    for part in ("the brain", "20.00 GiB", "8.00 GiB of 32.00", "the world 4.00", "other programs", "Qwen3-8B would"):
        assert part in message
    with pytest.raises(NoRoomError, match="close a dream"):
        ledger.reserve("the brain", 20 * GIB)


def test_a_program_that_eats_memory_is_seen() -> None:
    device = CountedDevice(100)
    ledger = Ledger(device, 80)
    lease = ledger.reserve("a dream", 60)
    device.tenant = 50
    assert (ledger.room, ledger.overrun) == (0, 10)
    with pytest.raises(NoRoomError, match="other programs"):
        ledger.reserve("another", 1)
    lease.commit(40)
    assert (ledger.room, ledger.overrun) == (10, 0)
    assert [(leases.owner, leases.size, leases.committed) for leases in ledger.leases()] == [("a dream", 40, True)]


def test_a_lease_ends_with_its_block_and_a_failed_load_leaves_none() -> None:
    ledger = Ledger(CountedDevice(100))
    with ledger.loading("the brain", 60) as lease:
        lease.commit(50)
    assert ledger.reserved == 50
    with lease:
        pass
    assert ledger.reserved == 0
    with pytest.raises(ValueError, match="released"):
        lease.commit()
    with pytest.raises(MemoryError), ledger.loading("the brain", 60):
        raise MemoryError
    assert ledger.reserved == 0


def test_a_cap_is_enforced_by_the_device() -> None:
    device = CountedDevice(100)
    Ledger(device, 40, enforce=True)
    with pytest.raises(MemoryError):
        device.allocate(41)
    with device.block(40):
        assert device.used() == 40
    assert device.used() == 0


def test_ram_is_a_device() -> None:
    ram: Device = Ram()
    assert 0 < ram.used() < ram.total()
    assert 0 <= ram.foreign() < ram.total()
    before = ram.used()
    block = bytearray(os.urandom(MIB) * 64)
    assert ram.used() - before > 48 * MIB
    del block
    ram.free()


CAPPED = f"""
import numpy as np
from bridge.budget.device import Ram, out_of_memory
ram = Ram()
ram.cap(ram.used() + {256 * MIB})
blocks = [np.ones(64 * 2**17)]
try:
    for _ in range(8):
        blocks.append(np.ones(64 * 2**17))
except Exception as error:
    assert out_of_memory(error), error
    print(len(blocks))
blocks.clear()
print(np.ones(64 * 2**17).nbytes)
"""


@pytest.mark.skipif(sys.platform != "linux" or machine.mapped() == 0, reason="needs Linux's RLIMIT_DATA")
def test_a_real_cap_on_ram_is_met_and_survived() -> None:
    process = subprocess.run([sys.executable, "-c", CAPPED], capture_output=True, text=True, timeout=120)
    assert process.returncode == 0, process.stderr
    blocks, after = map(int, process.stdout.split())
    assert 1 <= blocks <= 4
    assert after == 64 * MIB


@pytest.mark.parametrize(
    ("error", "is_one"),
    [
        (MemoryError(), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("shapes differ"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_running_out_is_told_from_other_faults(error: Exception, is_one: bool) -> None:
    assert out_of_memory(error) is is_one


@pytest.mark.gpu
def test_a_gpu_under_a_cap_behaves_like_a_smaller_one() -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    device = Cuda()
    capacity = min(32 * GIB, device.total() // 2)
    ledger = Ledger(device, capacity, enforce=True)
    blocks = []
    with ledger.loading("blocks", capacity) as lease, pytest.raises(Exception) as error:
        while True:
            blocks.append(torch.empty(GIB, dtype=torch.uint8, device="cuda"))
    print(f"predicted {lease.size / GIB:.2f} GiB, measured {device.used() / GIB:.2f} GiB")
    assert out_of_memory(error.value)
    assert device.used() <= capacity
    blocks.clear()
    device.free()
    assert device.used() < GIB


@pytest.mark.gpu
def test_a_world_on_a_gpu_takes_what_was_foretold_under_a_cap() -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    config, number = preset("wide"), 4
    parts = {name: part.eval().requires_grad_(False) for name, part in config.build().items()}
    device, before = Cuda(), torch.cuda.memory_allocated()
    Ledger(device, min(32 * GIB, device.total()), enforce=True)
    model = WorldModel(to_device(parts, "cuda"), {}, {}, "cuda")
    dreams = [LatentDream(model, seed) for seed in range(number)]
    for dream in dreams:
        dream.start()
    torch.cuda.reset_peak_memory_stats()
    for weather in (Weather.CLEAR, Weather.RAIN_2):
        for _ in range(config.dynamics.context + 1):
            step_all(dreams, [Control(steer=0.0, accel=0.0, weather=weather)] * number)
    size, measured = world_size(config, number), torch.cuda.max_memory_allocated() - before
    foretold = size.weights + number * size.dream + size.tick
    print(
        f"foretold {foretold / MIB:,.0f} MiB, measured {measured / MIB:,.0f} MiB, device-wide {device.foreign() / MIB:,.0f}"
    )
    assert measured <= 1.1 * foretold
