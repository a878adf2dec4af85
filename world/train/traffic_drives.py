"""Drives that traffic learns from: by our rules with events, and its own, in which the rules say what would have been right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from world.controls import DT, FPS, Command, Control
from world.dynamics import expert
from world.dynamics.guard import caps
from world.dynamics.injected import KINDS, Injected
from world.dynamics.people import all_walking, changed_pace, changed_slide
from world.dynamics.people_arrive import SLIDE, WAY
from world.dynamics.spawn import edge
from world.dynamics.start import start
from world.dynamics.step import step
from world.dynamics.tables import tables
from world.dynamics.traffic import Observed, Traffic, TrafficInput, observed, signed
from world.dynamics.traffic_net import PERSON, VEHICLE
from world.dynamics.vehicles import all_ruled
from world.places import find_place
from world.scene.motion_tokens import ACCELERATIONS, PACES, STANDS, STOP, across_token, nearest
from world.scene.places import towns
from world.scene.state import AGENTS, SceneState
from world.train.scene_drives import DREAMT, Wishes
from world.train.traffic_samples import (
    BETWEEN,
    HORIZON,
    SLID,
    Both,
    DriveLog,
    TrafficSamples,
    calm,
    picked,
    samples_of,
    way_of,
)

STYLE = 0.5  # of drivers by rules, who all keep the same headway
SECONDS_AHEAD = (1.6, 3.6)  # of what is put before vehicles
IN_DREAMT = 0.5  # share of drives to train on that begin in dreamt places
EVENTFUL = 4.0  # how much more a decision counts with something ahead
# how much one counts where nothing is near, the guard is content and nobody stands for nothing: how to drive then, SUMO's drivers teach
CALM = 0.1


@dataclass(frozen=True, slots=True)
class DriveJob:
    """A drive to be driven: its seed, how long (s), in which split; by rules (traffic None) or by its own weights."""

    seed: int
    seconds: float
    split: str = "train"
    traffic: Traffic | None = None


def driven(job: DriveJob) -> Both:
    """The samples of one drive."""
    return ruled(job) if job.traffic is None else rolled(job, job.traffic)


def begun(job: DriveJob) -> tuple[SceneState, np.random.Generator]:
    """Somewhere in a town of the split, or of those to train on in a dreamt place; decided by the seed."""
    random = np.random.default_rng(job.seed)
    dreamt = job.split == "train" and random.random() < IN_DREAMT
    names = DREAMT if dreamt else towns()[job.split]
    place = find_place(names[int(random.integers(len(names)))])
    return start(place, job.seed, density=float(random.choice([0.5, 1.0, 1.0, 1.5]))), random


def ruled(job: DriveJob) -> Both:
    """The samples of a drive by rules."""
    return samples_of(recorded(job))


def recorded(job: DriveJob) -> DriveLog:
    """A drive by rules with events, commands and weather as they come."""
    state, random = begun(job)
    wishes = Wishes(random)
    frames: list[tuple[np.ndarray, ...]] = []
    for tick in range(int(job.seconds * FPS)):
        control = wishes.at(tick * DT)
        _, aims, _ = judged(_drive(state, control))
        level = float(min(3, max(1, control.level)))
        frames.append((state.ego.copy(), state.agents[0], aims, np.array(signed(control.side)), np.array(level)))
        state = step(state, [_steered(state, control, wishes)])
    ego, agents, aims, sides, levels = (np.stack(column) for column in zip(*frames, strict=True))
    place = tables(state.places[0].map)
    styles = np.full(AGENTS, STYLE)
    return DriveLog([place], job.seed, ego, agents, aims, styles, sides, levels, calm=CALM)


def rolled(job: DriveJob, traffic: Traffic) -> Both:
    """A drive of its own in which things are put before vehicles; the tokens are what the rules and the guard ask for."""
    state, _ = begun(job)
    injected = Injected(KINDS, SECONDS_AHEAD, job.seed)
    vehicles, people = list[TrafficSamples](), list[TrafficSamples]()
    control = Control()
    for tick in range(int(job.seconds * FPS)):
        if tick % BETWEEN == 0:
            drive = _drive(state, control)
            told = observed(drive, True)
            vehicles.append(_corrected(drive, told, injected.targets))
            people.append(_corrected_people(drive, told))
        steer, accel = expert.drive(state, int(Command.FOLLOW), 9.0)
        state = injected.after(step(state, [control.with_(steer=steer, accel=accel)], traffic))
    return {"vehicles": TrafficSamples.joined(vehicles, VEHICLE), "people": TrafficSamples.joined(people, PERSON)}


def _corrected(drive: TrafficInput, told: Observed, targets: set[int]) -> TrafficSamples:
    """Every vehicle of a moment with what the rules, and below them the guard, would have it do."""
    accels, aims, goals = judged(drive)
    most = np.full(AGENTS, 9.0)
    caps(drive.place, told.seen, aims, drive.clock * DT, most)
    group, lanes = told.vehicles, drive.place.lanes
    tokens, weight, alone = np.full((len(group.own), 2), -1), np.ones(len(group.own)), calm(drive.agents)
    for slot in np.flatnonzero((group.row >= 0) & ~np.isnan(accels)).tolist():
        me, row = drive.agents[slot], group.row[slot]
        accel, speed = min(float(accels[slot]), float(most[slot])), float(me["speed"])
        stands = speed + 0.5 * accel < STANDS and accel < 0.5
        kept = float(edge(lanes, int(me["lane"]), int(me["kind"])))
        change = 0
        if goals[slot] >= 0:
            change = 1 if goals[slot] == lanes["left"][me["lane"]] else -1
        across = -1 if me["goal"] >= 0 else across_token(change, float(aims[slot]), kept)
        tokens[row] = (STOP if stands else int(nearest(ACCELERATIONS, accel)), across)
        held = most[slot] < float(accels[slot]) or (speed < STANDS and accel > 0.2)  # or stands where nothing holds it
        weight[row] = EVENTFUL if int(me["id"]) in targets else CALM if alone[slot] and not held else 1.0
    return picked(group.own, group.near, group.count, tokens, weight, tokens[:, 0] >= 0)


def _corrected_people(drive: TrafficInput, told: Observed) -> TrafficSamples:
    """Everybody on foot at a moment with the pace and way that the rules would have after as long as a token speaks of."""
    wants, slides = np.empty(AGENTS), np.empty(AGENTS)
    all_walking(drive.place, drive.seed, told.seen, drive.clock * DT, wants, slides)
    group = told.people
    tokens, weight = np.full((len(group.own), 2), -1), np.ones(len(group.own))
    for slot in np.flatnonzero((group.row >= 0) & ~np.isnan(wants)).tolist():
        me, row = drive.agents[slot], group.row[slot]
        pace = changed_pace(float(me["speed"]), float(wants[slot]), HORIZON * DT)
        slide = changed_slide(float(me["memory"][SLIDE]), float(slides[slot]), SLID)
        tokens[row] = (int(nearest(PACES, pace)), way_of(float(me["memory"][WAY]) * slide))
        if (me["speed"] < STANDS) != (wants[slot] < STANDS):  # stands for nothing, or walks where it should wait
            weight[row] = EVENTFUL
    return picked(group.own, group.near, group.count, tokens, weight, tokens[:, 0] >= 0)


def judged(drive: TrafficInput) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the rules would have every vehicle do: m/s2, m left of its lane, lane to change to; [AGENTS] each."""
    accels, aims = np.empty(AGENTS), np.empty(AGENTS)
    goals = np.empty(AGENTS, np.int64)
    all_ruled(drive.place, drive.seen(), drive.clock * DT, accels, aims, goals)
    return accels, aims, goals


def _drive(state: SceneState, control: Control) -> TrafficInput:
    return TrafficInput(
        tables(state.places[0].map),
        state.seed[0],
        int(state.clock[0]),
        state.ego,
        state.agents[0],
        False,
        float(state.density[0]),
        signed(control.side),
        float(min(3, max(1, control.level))),
    )


def _steered(state: SceneState, control: Control, wishes: Wishes) -> Control:
    steer, accel = expert.drive(state, control.command, wishes.target)
    steer, accel = wishes.disturb(float(state.clock[0]) * DT, steer, accel)
    return control.with_(steer=steer, accel=accel)
