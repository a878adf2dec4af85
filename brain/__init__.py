"""The brain: text -> Plan. A small local language model that can only speak the plan language."""

from brain.plan import Plan, PlanError, Question, Refusal, Step, Utterance, When, parse_line, print_line, sentence

__all__ = [
    "Plan",
    "PlanError",
    "Question",
    "Refusal",
    "Step",
    "Utterance",
    "When",
    "parse_line",
    "print_line",
    "sentence",
]
