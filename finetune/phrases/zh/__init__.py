"""How people speak in Traditional Chinese."""

from finetune.phrases.zh import (
    actors,
    drive,
    events,
    injections,
    joints,
    more,
    nouns,
    offtopic,
    questions,
    relative,
    repair,
    unsupported,
    weather,
)

DO = drive.DO | weather.DO | events.DO
SAY = drive.SAY | weather.SAY | events.SAY
SLOTS = unsupported.SLOTS | offtopic.SLOTS | injections.SLOTS | questions.SLOTS
MORE = more.MORE  # of the list that is its key, for training alone
MORE_SLOTS = more.SLOTS

__all__ = [
    "DO",
    "MORE",
    "MORE_SLOTS",
    "SAY",
    "SLOTS",
    "actors",
    "events",
    "injections",
    "joints",
    "nouns",
    "offtopic",
    "questions",
    "relative",
    "repair",
    "unsupported",
    "weather",
]
