"""Drives for training the traffic: by our rules with events, and its own, labelled by the rules."""

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
from world.train.scene_drives import DREAMT, ControlSchedule
from world.train.traffic_samples import (
    BETWEEN,
    HORIZON,
    SLID,
    Both,
    DriveLog,
    TrafficSamples,
    calm,
    samples_of,
    select,
    way_of,
)

STYLE = 0.5  # of drivers by rules, who all keep the same headway
SECONDS_AHEAD = (1.6, 3.6)  # of injected obstacles before vehicles
IN_DREAMT = 0.5  # share of training drives in dreamt places
EVENTFUL = 4.0  # weight of a decision with something ahead
# Weight where nothing is near, the guard does not intervene and nobody stands needlessly: SUMO's drivers teach that.
CALM = 0.1


@dataclass(frozen=True, slots=True)
class DriveJob:
    """A drive: seed, length (s) and split; traffic: learnt weights that move the others; None: the rules."""

    seed: int
    seconds: float
    split: str = "train"
    traffic: Traffic | None = None


def drive_samples(job: DriveJob) -> Both:
    """The samples of one drive."""
    return rule_samples(job) if job.traffic is None else own_samples(job, job.traffic)


def initial_state(job: DriveJob) -> tuple[SceneState, np.random.Generator]:
    """A start in a town of the split, or for training in a dreamt place; determined by the seed."""
    random = np.random.default_rng(job.seed)
    in_dreamt = job.split == "train" and random.random() < IN_DREAMT
    names = DREAMT if in_dreamt else towns()[job.split]
    place = find_place(names[int(random.integers(len(names)))])
    return start(place, job.seed, density=float(random.choice([0.5, 1.0, 1.0, 1.5]))), random


def rule_samples(job: DriveJob) -> Both:
    """The samples of a drive by rules."""
    return samples_of(record_by_rules(job))


def record_by_rules(job: DriveJob) -> DriveLog:
    """A drive by rules with random events, commands and weather."""
    state, random = initial_state(job)
    schedule = ControlSchedule(random)
    frames: list[tuple[np.ndarray, ...]] = []
    for tick in range(int(job.seconds * FPS)):
        control = schedule.at(tick * DT)
        _, aims, _ = rule_targets(_drive(state, control))
        level = float(min(3, max(1, control.level)))
        frames.append((state.ego.copy(), state.agents[0], aims, np.array(signed(control.side)), np.array(level)))
        state = step(state, [_with_steering(state, control, schedule)])
    ego, agents, aims, sides, levels = (np.stack(column) for column in zip(*frames, strict=True))
    place = tables(state.places[0].map)
    styles = np.full(AGENTS, STYLE)
    return DriveLog([place], job.seed, ego, agents, aims, styles, sides, levels, calm=CALM)


def own_samples(job: DriveJob, traffic: Traffic) -> Both:
    """A drive by learnt traffic with obstacles injected before vehicles; labels are what the rules and the guard ask
    for.
    """
    state, _ = initial_state(job)
    injections = Injected(KINDS, SECONDS_AHEAD, job.seed)
    vehicles, people = list[TrafficSamples](), list[TrafficSamples]()
    control = Control()
    for tick in range(int(job.seconds * FPS)):
        if tick % BETWEEN == 0:
            drive = _drive(state, control)
            observation = observed(drive, True)
            vehicles.append(_label_vehicles(drive, observation, injections.targets))
            people.append(_label_people(drive, observation))
        steer, accel = expert.drive(state, int(Command.FOLLOW), 9.0)
        state = injections.after(step(state, [control.with_(steer=steer, accel=accel)], traffic))
    return {
        "vehicles": TrafficSamples.concatenate(vehicles, VEHICLE),
        "people": TrafficSamples.concatenate(people, PERSON),
    }


def _label_vehicles(drive: TrafficInput, observation: Observed, targets: set[int]) -> TrafficSamples:
    """Every vehicle of a moment with the tokens of the rules, limited by the guard."""
    accels, aims, goals = rule_targets(drive)
    most = np.full(AGENTS, 9.0)
    caps(drive.place, observation.seen, aims, drive.clock * DT, most)
    group, lanes = observation.vehicles, drive.place.lanes
    tokens, weight, alone = np.full((len(group.own), 2), -1), np.ones(len(group.own)), calm(drive.agents)
    for slot in np.flatnonzero((group.row >= 0) & ~np.isnan(accels)).tolist():
        me, row = drive.agents[slot], group.row[slot]
        accel, speed = min(float(accels[slot]), float(most[slot])), float(me["speed"])
        stands = speed + 0.5 * accel < STANDS and accel < 0.5
        lane_offset = float(edge(lanes, int(me["lane"]), int(me["kind"])))
        change = 0
        if goals[slot] >= 0:
            change = 1 if goals[slot] == lanes["left"][me["lane"]] else -1
        across = -1 if me["goal"] >= 0 else across_token(change, float(aims[slot]), lane_offset)
        tokens[row] = (STOP if stands else int(nearest(ACCELERATIONS, accel)), across)
        restrained = most[slot] < float(accels[slot]) or (
            speed < STANDS and accel > 0.2
        )  # or stands where nothing holds it
        weight[row] = EVENTFUL if int(me["id"]) in targets else CALM if alone[slot] and not restrained else 1.0
    return select(group.own, group.near, group.count, tokens, weight, tokens[:, 0] >= 0)


def _label_people(drive: TrafficInput, observation: Observed) -> TrafficSamples:
    """Everybody on foot at a moment with the pace and direction that the rules give over a token's time."""
    wants, slides = np.empty(AGENTS), np.empty(AGENTS)
    all_walking(drive.place, drive.seed, observation.seen, drive.clock * DT, wants, slides)
    group = observation.people
    tokens, weight = np.full((len(group.own), 2), -1), np.ones(len(group.own))
    for slot in np.flatnonzero((group.row >= 0) & ~np.isnan(wants)).tolist():
        me, row = drive.agents[slot], group.row[slot]
        pace = changed_pace(float(me["speed"]), float(wants[slot]), HORIZON * DT)
        slide = changed_slide(float(me["memory"][SLIDE]), float(slides[slot]), SLID)
        tokens[row] = (int(nearest(PACES, pace)), way_of(float(me["memory"][WAY]) * slide))
        if (me["speed"] < STANDS) != (wants[slot] < STANDS):  # stands for nothing, or walks where it should wait
            weight[row] = EVENTFUL
    return select(group.own, group.near, group.count, tokens, weight, tokens[:, 0] >= 0)


def rule_targets(drive: TrafficInput) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The rules' targets for every vehicle, [AGENTS] each: m/s2, m left of its lane, lane to change to."""
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


def _with_steering(state: SceneState, control: Control, schedule: ControlSchedule) -> Control:
    steer, accel = expert.drive(state, control.command, schedule.target)
    steer, accel = schedule.disturb(float(state.clock[0]) * DT, steer, accel)
    return control.with_(steer=steer, accel=accel)
