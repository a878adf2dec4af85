"""Trains the learnt traffic: by imitation of our rules and of SUMO's drivers, then on its own drives with injected
obstacles.

The rules label its own drives (DAgger; Ross, Gordon, Bagnell 2011, arXiv 1011.0686). An interrupted run resumes with
the same call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from world.dynamics.traffic import Traffic
from world.dynamics.traffic_net import SIZES, Size, read_networks
from world.errors import DataError
from world.scene.places import towns
from world.train.distributed import DistributedContext
from world.train.loop import Report, Schedule, TrainingLoop
from world.train.traffic_card import ship
from world.train.traffic_drives import DriveJob, drive_samples
from world.train.traffic_network import Net, loss_of
from world.train.traffic_samples import Both, TrafficSamples, load, save

FIRST_SEED = 2 * 10**6  # of drives by rules; own drives' and SUMO's follow, evaluation's seeds are smaller
OWN_SEED, HELD_SEED, SUMO_SEED = 10**6, 2 * 10**6, 3 * 10**6  # added to FIRST_SEED
SUMO_SHARE = 0.6  # of a batch's recorded drives, where there are SUMO's
OWN_SHARE = 0.3  # share of own drives in a batch, in the rounds
HELD = 8192  # samples per validation, at most
Part = tuple[TrafficSamples, float]  # samples, share of a batch


@dataclass(frozen=True, slots=True)
class TrafficRecipe:
    """The defaults are those of the shipped weights.

    drives: by rules, of `seconds` each; sumo: drives per training town, of `sumo_seconds`; rounds: in each,
    `own_drives` of `seconds`, then training on them beside the earlier ones. shares: of the minutes, for imitation by
    vehicles and by people; the rounds get the rest, people `people_share` of it. begin: a folder of initial weights.
    """

    drives: int = 240
    seconds: float = 90.0
    sumo: int = 2
    sumo_seconds: float = 400.0
    rounds: int = 4
    own_drives: int = 40
    held: int = 9
    batch: int = 768
    rate: float = 1e-3
    shares: tuple[float, float] = (0.45, 0.2)
    people_share: float = 0.25
    begin: Path | None = None


def train_traffic(
    out: Path,
    minutes: float,
    *,
    recipe: TrafficRecipe | None = None,
    compute: DistributedContext | None = None,
    seed: int = 0,
    workers: int = 2,
    report: Report | None = None,
) -> Path:
    """Drives and trains in `out`, and writes the weights to `out/traffic`, which it returns. `minutes` are of training
    alone.

    DataError for a recipe without drives, SimulatorError where SUMO is needed and missing, WeightsError for `begin`.
    """
    recipe, compute = recipe or TrafficRecipe(), (compute or DistributedContext()).join_processes()
    if min(recipe.drives, recipe.held) < 1 or recipe.batch < 4:
        raise DataError(
            "Traffic learns from drives: ask for at least one to train on, one to validate on, and batches of 4."
        )
    note = report or (lambda fraction, text: None)
    first = FIRST_SEED * (seed + 1)
    with compute.main_first():
        jobs = [DriveJob(first + n, recipe.seconds) for n in range(recipe.drives)]
        data = drives(jobs, out / "data" / "rules", workers, partial(_tell, note, "drives by rules"))
        validation_jobs = [DriveJob(first + HELD_SEED + n, recipe.seconds, "validation") for n in range(recipe.held)]
        validation = drives(
            validation_jobs, out / "data" / "held-out", workers, partial(_tell, note, "drives to validate on")
        )
        from_sumo = sumo(recipe, first + SUMO_SEED, out / "data" / "sumo", partial(_tell, note, "SUMO's drives"))
    nets: dict[str, Net] = {}
    for (name, size), share in zip(SIZES.items(), recipe.shares, strict=True):
        train, true, check = (
            TrafficSamples.concatenate((both[name] for both in part), size) for part in (data, from_sumo, validation)
        )
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            nets[name] = initial_net(size, name, recipe.begin).to(compute.device)
        if share:
            parts = normalise((train, 1.0 - SUMO_SHARE), (true, SUMO_SHARE))
            _fit(nets[name], name, out, minutes * share, parts, check, recipe, compute, seed, report)
    own: list[Both] = []
    for number in range(recipe.rounds):
        traffic = Traffic(nets["vehicles"].network(), nets["people"].network(), guard=number % 2 == 0)
        with compute.main_first():
            begin = first + OWN_SEED + number * recipe.own_drives
            jobs = [DriveJob(begin + n, recipe.seconds, traffic=traffic) for n in range(recipe.own_drives)]
            tell = partial(_tell, note, f"its own drives, round {number + 1} of {recipe.rounds}")
            own += drives(jobs, out / "data" / f"own-{number:02d}", workers, tell)
        whole = minutes * (1.0 - sum(recipe.shares)) / recipe.rounds
        gentle, rest = replace(recipe, rate=0.4 * recipe.rate), 1.0 - OWN_SHARE
        for name, share in (("vehicles", 1.0 - recipe.people_share), ("people", recipe.people_share)):
            size = SIZES[name]
            sets = [
                TrafficSamples.concatenate((both[name] for both in part), size)
                for part in (data, from_sumo, own, validation)
            ]
            parts = normalise((sets[0], rest * (1.0 - SUMO_SHARE)), (sets[1], rest * SUMO_SHARE), (sets[2], OWN_SHARE))
            if share:
                round_name = f"{name}-round-{number + 1}"
                _fit(nets[name], round_name, out, whole * share, parts, sets[3], gentle, compute, seed, report)
    if compute.main:
        settings = asdict(recipe) | {
            "begin": "random weights" if recipe.begin is None else read_networks(recipe.begin)[1][:12]
        }
        record = {
            "seed": seed,
            "minutes": minutes,
            "drives": len(data) + len(from_sumo),
            "own drives": len(own),
            "recipe": settings,
        }
        ship(nets, out, record)
    return out / "traffic"


def initial_net(size: Size, name: str, folder: Path | None) -> Net:
    """A network with random weights, or with those of a folder. WeightsError where the folder has none."""
    net = Net(size)
    if folder is not None:
        network = read_networks(folder)[0][name]
        with torch.no_grad():
            for key, value in net.named_parameters():
                value.copy_(torch.from_numpy(np.array(getattr(network, key))))
    return net


def normalise(*parts: Part) -> list[Part]:
    """The non-empty parts, with their shares of a batch scaled to a sum of 1."""
    filled = [part for part in parts if len(part[0])]
    whole = sum(share for _, share in filled)
    return [(samples, share / whole) for samples, share in filled]


def _tell(note: Report, what: str, share: float) -> None:
    note(share, what)


def drives(jobs: Sequence[DriveJob], folder: Path, workers: int, tell: Callable[[float], None]) -> list[Both]:
    """The samples of every job, in order; finished ones are read from the folder."""
    paths = [folder / f"{job.seed}.npz" for job in jobs]
    missing = [(job, path) for job, path in zip(jobs, paths, strict=True) if not path.exists()]
    if workers < 2 or len(missing) < 2:
        for n, (job, path) in enumerate(missing):
            tell(n / len(jobs))
            save(drive_samples(job), path)
    else:
        with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
            results = pool.map(drive_samples, [job for job, _ in missing])
            for n, ((_, path), both) in enumerate(zip(missing, results, strict=True)):
                tell(n / len(jobs))
                save(both, path)
    return [load(path) for path in paths]


def sumo(recipe: TrafficRecipe, first: int, folder: Path, tell: Callable[[float], None]) -> list[Both]:
    """SUMO's drives in the training towns, each in its own process; [] where the recipe has none.

    SimulatorError without SUMO.
    """
    names = towns()["train"]
    jobs = [(name, recipe.sumo_seconds, first + n) for n, name in enumerate(names * recipe.sumo)]
    paths = [folder / f"{name}-{seed}.npz" for name, _, seed in jobs]
    for n, (job, path) in enumerate(zip(jobs, paths, strict=True)):
        if not path.exists():
            tell(n / len(jobs))
            with ProcessPoolExecutor(1, get_context("spawn")) as pool:
                save(pool.submit(_sumo_job, *job).result(), path)
    return [load(path) for path in paths]


def _sumo_job(name: str, seconds: float, seed: int) -> Both:
    from world.train.traffic_sumo import sumo_samples

    return sumo_samples(name, seconds, seed)


def _fit(
    net: Net,
    name: str,
    out: Path,
    minutes: float,
    parts: Sequence[Part],
    validation: TrafficSamples,
    recipe: TrafficRecipe,
    compute: DistributedContext,
    seed: int,
    report: Report | None,
) -> None:
    """Trains on batches with given shares of the parts; the network gets the EMA weights.

    DataError where there are no samples.
    """
    if not parts or not len(validation):
        raise DataError("Nobody was on the road in these drives; ask for more of them, or longer ones.")
    schedule = Schedule(minutes, recipe.rate, warmup=100, fall=0.3, ema=0.998, validate_minutes=max(0.5, minutes / 6))
    loop = TrainingLoop(name, out, net, schedule, compute)
    random, device = np.random.default_rng([seed, loop.step]), compute.device
    counts = [round(share * recipe.batch) for _, share in parts[1:]]
    counts = [recipe.batch - sum(counts), *counts]

    def losses_of(step: int) -> Iterator[dict[str, Tensor]]:
        rows_of_parts = [_draw(samples, random, count) for (samples, _), count in zip(parts, counts, strict=True)]
        columns = [torch.from_numpy(np.concatenate(column)) for column in zip(*rows_of_parts, strict=True)]
        for rows in compute.shares(recipe.batch):
            with compute.autocast():
                batch = [column[rows].to(device) for column in columns]
                yield _loss(net, batch)

    def validate() -> dict[str, float]:
        rows = np.linspace(0, len(validation) - 1, min(HELD, len(validation))).astype(int)
        with torch.inference_mode():
            batch = [torch.from_numpy(column).to(device) for column in _rows(validation, rows)]
            return {key: float(value) for key, value in _loss(net, batch).items()}

    loop.run(losses_of, validate, report)
    net.load_state_dict(loop.ema)


def _loss(net: Net, batch: Sequence[Tensor]) -> dict[str, Tensor]:
    own, near, counts, first, second, weight = batch
    return loss_of(net(own, near, counts), first, second, weight, net.size)


def _draw(samples: TrafficSamples, random: np.random.Generator, count: int) -> tuple[np.ndarray, ...]:
    return _rows(samples, random.integers(len(samples), size=count))


def _rows(samples: TrafficSamples, rows: np.ndarray) -> tuple[np.ndarray, ...]:
    """own, near: float32; counts, first, second: int64; weight: float32."""
    kinds = (np.float32, np.float32, np.int64, np.int64, np.int64, np.float32)
    return tuple(
        getattr(samples, name)[rows].astype(kind) for name, kind in zip(TrafficSamples.__slots__, kinds, strict=True)
    )
