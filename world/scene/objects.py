"""Everything that stands or moves is a box: a kind, a size, a pose, an appearance code, and a state (lights, gait phase, door)."""

from __future__ import annotations

from enum import IntEnum, IntFlag

import numpy as np


class Kind(IntEnum):
    """Classes of objects. NONE marks an empty slot."""

    NONE = 0
    # road users
    CAR = 1
    VAN = 2
    LORRY = 3
    BUS = 4
    BICYCLE = 5  # with its rider
    PERSON = 6
    CHILD = 7
    DOG = 8
    DEER = 9
    AMBULANCE = 10
    FIRE_ENGINE = 11
    POLICE = 12
    # things on the road
    CONE = 20
    BOARD = 21  # a road works barrier with stripes
    DEBRIS = 22  # a box, a tyre or planks, by appearance code
    # what stands beside it
    HOUSE = 30
    TREE = 31
    LAMP = 32  # a street lamp; its arm points along its heading
    SIGNAL = 33  # a traffic-light post; heads face against its heading
    SIGN = 34
    HEDGE = 35
    FENCE = 36
    WALL = 37
    BENCH = 38
    BIN = 39
    BOLLARD = 40
    SHELTER = 41  # of a bus stop


VEHICLES = frozenset(
    {Kind.CAR, Kind.VAN, Kind.LORRY, Kind.BUS, Kind.AMBULANCE, Kind.FIRE_ENGINE, Kind.POLICE, Kind.BICYCLE}
)
PEOPLE = frozenset({Kind.PERSON, Kind.CHILD})
THINGS = tuple(kind for kind in Kind if Kind.CONE <= kind < Kind.HOUSE)  # on the road

OUR_LOOK, GUEST_LOOK = 4, 12  # AGENT.look of our car as others see it, red, and of another person's, yellow

SIZES: dict[Kind, tuple[float, float, float]] = {  # length, width, height in m
    Kind.CAR: (4.5, 1.8, 1.5),
    Kind.VAN: (5.6, 2.0, 2.3),
    Kind.LORRY: (8.0, 2.5, 3.4),
    Kind.BUS: (11.5, 2.55, 3.1),
    Kind.BICYCLE: (1.8, 0.6, 1.75),
    Kind.PERSON: (0.5, 0.6, 1.75),
    Kind.CHILD: (0.4, 0.45, 1.2),
    Kind.DOG: (0.9, 0.3, 0.65),
    Kind.DEER: (1.5, 0.45, 1.5),
    Kind.AMBULANCE: (6.2, 2.1, 2.7),
    Kind.FIRE_ENGINE: (8.2, 2.5, 3.3),
    Kind.POLICE: (4.6, 1.85, 1.55),
    Kind.CONE: (0.4, 0.4, 0.75),
    Kind.BOARD: (0.3, 1.6, 1.1),
    Kind.DEBRIS: (0.9, 1.1, 0.5),
}


class Lights(IntFlag):
    """What shines on a road user."""

    NONE = 0
    BRAKE = 1
    LEFT = 2  # indicator; LEFT | RIGHT are the hazard lights
    RIGHT = 4
    HEAD = 8  # headlights and tail lights
    BEACON = 16


DRIVEN = -1  # AGENT.role of a car that another person drives (world/dynamics/seats.py)

# One road user or movable thing. (x, y): the centre of the box on the ground; heading: rad, 0 is east, left positive.
AGENT = np.dtype(
    [
        ("kind", "<i4"),
        ("id", "<i4"),  # unique within a drive, never used again
        ("x", "<f8"),
        ("y", "<f8"),
        ("heading", "<f8"),
        ("speed", "<f8"),  # m/s along the heading, >= 0
        ("accel", "<f8"),  # m/s2
        ("yaw_rate", "<f8"),  # rad/s
        ("length", "<f8"),
        ("width", "<f8"),
        ("height", "<f8"),
        ("look", "<i4"),  # appearance code: colour, model, clothes
        ("lights", "<i4"),  # Lights
        ("phase", "<f8"),  # m gone in all: gait and wheels follow from it
        ("lane", "<i4"),  # index into HDMap.lanes (vehicles) or HDMap.walks (people); -1: free
        ("s", "<f8"),  # m along it
        ("left", "<f8"),  # m left of its centre line
        ("next", "<i4"),  # the connection (or walk) it takes at the end; -1: not chosen
        ("goal", "<i4"),  # the lane that it changes to; -1: none
        ("wish", "<f8"),  # factor on the speed limit; for people, m/s
        ("role", "<i4"),  # the Event that it plays; 0: none; DRIVEN
        ("mode", "<i4"),  # a behaviour's own state
        ("timer", "<f8"),  # s, a behaviour's own clock
        ("memory", "<f8", (4,)),  # a behaviour's own numbers
    ]
)

# What stands for ever. (x, y, z): the middle of its foot; heading: for houses the way the front faces.
PROP = np.dtype(
    [
        ("kind", "<i4"),
        ("x", "<f8"),
        ("y", "<f8"),
        ("z", "<f8"),
        ("heading", "<f8"),
        ("length", "<f8"),  # along the heading (a house's depth)
        ("width", "<f8"),  # across it (a house's front)
        ("height", "<f8"),
        ("look", "<i4"),  # appearance code; houses: style, colour; cars: as agents'
        ("floors", "<i4"),  # houses
        ("street", "<i4"),  # which street it belongs to; -1: none
        ("signal", "<i4"),  # SIGNAL posts: index into HDMap.signals; -1: none
    ]
)
