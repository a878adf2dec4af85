"""The plan language: what is parsed and printed, what is refused and how, and that the grammar is the same language."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brain.plan import (
    LASTING,
    MAX_STEPS,
    REASONS,
    SIDES,
    SLOTS,
    STEPS,
    TURNS,
    Plan,
    PlanError,
    Question,
    Refusal,
    Step,
    Utterance,
    When,
    check_step,
    parse_line,
    print_line,
    sentence,
)
from finetune.cases import BENCHMARK

SECONDS = st.integers(1, 120).map(lambda halves: halves / 2)


@st.composite
def steps(draw: st.DrawFn) -> Step:
    name = draw(st.sampled_from(list(STEPS)))
    odd = st.sampled_from([(), (1,), (3,)])
    args: tuple[int | str, ...] = draw(
        {
            "none": st.just(()),
            "speed": st.tuples(st.integers(0, 60)),
            "level": st.tuples(st.integers(1, 3)),
            "side": st.tuples(st.sampled_from(SIDES), odd).map(lambda pair: (pair[0], *pair[1])),
            "event": odd,
        }[STEPS[name].signature]
    )
    moments = [st.just(When()), st.just(When("next")), SECONDS.map(lambda seconds: When("delay", seconds))]
    if name not in TURNS:
        moments.append(st.just(When("junction")))
    duration = draw(st.none() | SECONDS) if STEPS[name].group in LASTING else None
    return Step(name, args, draw(st.one_of(moments)), duration)


def utterances() -> st.SearchStrategy[Utterance]:
    plans = st.lists(steps(), min_size=1, max_size=MAX_STEPS).map(lambda found: Plan(tuple(found)))
    return plans | st.sampled_from(REASONS).map(Refusal) | st.sampled_from(SLOTS).map(Question)


@given(utterances())
def test_parse_undoes_print(utterance: Utterance) -> None:
    line = print_line(utterance)
    assert parse_line(line) == utterance
    assert " " not in line


@given(utterances(), st.data())
def test_spaces_make_no_difference(utterance: Utterance, data: st.DataObject) -> None:
    line = print_line(utterance)
    at = data.draw(st.integers(0, len(line)))
    assert parse_line(f" {line[:at]}  {line[at:]} ") == utterance


@given(st.text() | st.text(alphabet="leftrain(),;@+~.0123456789 speed_next", max_size=60))
def test_no_text_does_more_than_raise_a_plan_error(text: str) -> None:
    with suppress(PlanError):
        assert parse_line(print_line(parse_line(text))) == parse_line(text)


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("ped_cross(right,2)", "ped_cross(right)"),
        ("hard_brake(2)", "hard_brake"),
        ("rain(2) @ +5.0 ~ 10.0", "rain(2)@+5~10"),
        ("left ; stop @ next", "left;stop@next"),
        ("fog(1)@+0.5", "fog(1)@+0.5"),
        ("speed(0)", "speed(0)"),
    ],
)
def test_defaults_are_not_written(written: str, canonical: str) -> None:
    assert print_line(parse_line(written)) == canonical


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("", "empty"),
        ("fly", "not a step"),
        ("left;" * 8 + "left", "at most 8"),
        ("speed(61)", "0 to 60"),
        ("speed(-1)", "0 to 60"),
        ("speed", "0 to 60"),
        ("rain", "one level"),
        ("rain(4)", "one level"),
        ("left(1)", "no arguments"),
        ("ped_cross", "a side"),
        ("ped_cross(up)", "a side"),
        ("ped_cross(left,4)", "a side"),
        ("left@junction", "by itself"),
        ("stop@later", "not a time"),
        ("stop@+0.4", "0.5 to 60"),
        ("stop@+61", "0.5 to 60"),
        ("rain(2)~0", "0.5 to 60"),
        ("left~5", "cannot last"),
        ("refuse(rude)", "unsupported"),
        ("ask(name)", "direction"),
        ("left;ask(side)", "not a step"),
        ("left;", "not a step"),
    ],
)
def test_errors_are_one_sentence_that_says_what_is_wrong(line: str, says: str) -> None:
    with pytest.raises(PlanError, match=says) as caught:
        parse_line(line)
    message = str(caught.value)
    assert message.endswith(".") and "\n" not in message and len(message) < 400


def test_a_step_made_by_hand_is_checked_too() -> None:
    assert check_step(Step("left")) == Step("left")
    for bad in (Step("rain", (True, 2)), Step("left", when=When("delay")), Step("stop", when=When("next", 3.0))):
        with pytest.raises(PlanError):
            check_step(bad)


def test_a_person_gets_a_sentence_for_what_is_no_plan() -> None:
    spoken = {sentence(Refusal(reason)) for reason in ("unsupported", "offtopic")}
    spoken |= {sentence(Question(slot)) for slot in ("direction", "side", "event", "speed")}
    assert len(spoken) == 6 and all(spoken)
    assert sentence(Plan((Step("left"),))) == ""


def test_the_hand_written_cases_are_canonical() -> None:
    rows = [line.split("\t") for line in (BENCHMARK / "brain_cases.tsv").read_text().splitlines()]
    assert len(rows) >= 60
    for text, _, line, _ in rows:
        assert text and print_line(parse_line(line)) == line


class Automaton:
    """Says of a line whether the llguidance grammar admits it, byte by byte (no language model needed)."""

    def __init__(self) -> None:
        import llguidance

        from brain.grammar import grammar

        self.guidance = llguidance
        self.tokenizer = llguidance.LLTokenizer("byte")
        self.grammar = llguidance.LLMatcher.grammar_from_lark(grammar())

    def admits(self, line: str) -> bool:
        matcher = self.guidance.LLMatcher(self.tokenizer, self.grammar)
        assert not matcher.is_error(), matcher.get_error()
        data = list(line.encode())
        return matcher.try_consume_tokens(data) == len(data) and matcher.is_accepting()


@pytest.fixture(scope="module")
def automaton() -> Automaton:
    return Automaton()


@pytest.mark.slow
@given(utterance=utterances())
def test_the_grammar_admits_what_is_printed(automaton: Automaton, utterance: Utterance) -> None:
    assert automaton.admits(print_line(utterance))


@given(data=st.data())
def test_what_the_grammar_admits_is_a_canonical_plan(automaton: Automaton, data: st.DataObject) -> None:
    """Walks the grammar byte by byte, choosing among what it allows, to a line that it admits."""
    import llguidance.numpy
    import numpy as np

    matcher = automaton.guidance.LLMatcher(automaton.tokenizer, automaton.grammar)
    mask = llguidance.numpy.allocate_token_bitmask(1, automaton.tokenizer.vocab_size)
    line = b""
    while len(line) < 200 and not matcher.is_stopped():
        if matcher.is_accepting() and data.draw(st.integers(0, 3)) == 0:
            break
        llguidance.numpy.fill_next_token_bitmask(matcher, mask, 0)
        allowed = np.flatnonzero(np.unpackbits(mask.view(np.uint8), bitorder="little"))
        letters = [int(token) for token in allowed if token < 256]
        if not letters:
            break
        chosen = data.draw(st.sampled_from(letters))
        assert matcher.consume_token(chosen)
        line += bytes([chosen])
    if matcher.is_accepting():
        assert print_line(parse_line(line.decode())) == line.decode()


@pytest.mark.parametrize(
    "line", ["rain", "left@junction", "stop ;go", "speed(61)", "left~5", "hello", "stop@+61", "hard_brake(2)"]
)
def test_the_grammar_refuses_what_is_not_canonical(automaton: Automaton, line: str) -> None:
    assert not automaton.admits(line)
