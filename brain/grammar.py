"""The plan language as a llguidance grammar, made from the same step table that the parser uses."""

from __future__ import annotations

from brain.plan import LASTING, MAX_KMH, MAX_STEPS, REASONS, SIDES, SLOTS, STEPS, TURNS


def grammar() -> str:
    """The language in llguidance's Lark dialect. It admits canonical lines only, at most MAX_STEPS steps."""
    alternatives = []
    for name, kind in STEPS.items():
        arguments = {
            "none": "",
            "speed": ' "(" KMH ")"',
            "level": ' "(" LEVEL ")"',
            "side": ' "(" SIDE ("," ODD)? ")"',
            "event": ' ("(" ODD ")")?',
        }[kind.signature]
        when = "turn_when" if name in TURNS else "when"
        lasts = ' ("~" SECONDS)?' if kind.group in LASTING else ""
        alternatives.append(f'"{name}"{arguments} {when}?{lasts}')
    repeated = "step " + f'(";" step){{0,{MAX_STEPS - 1}}}'
    return "\n".join(
        [
            "start: plan | refuse | ask",
            f"plan: {repeated}",
            'refuse: "refuse(" (' + " | ".join(f'"{reason}"' for reason in REASONS) + ') ")"',
            'ask: "ask(" (' + " | ".join(f'"{slot}"' for slot in SLOTS) + ') ")"',
            "step: " + "\n    | ".join(alternatives),
            'when: "@+" SECONDS | "@next" | "@junction"',
            'turn_when: "@+" SECONDS | "@next"',
            "SIDE: " + " | ".join(f'"{side}"' for side in SIDES),
            "LEVEL: /[123]/",
            "ODD: /[13]/",
            f"KMH: /{_numbers(MAX_KMH)}/",
            r"SECONDS: /([1-9]|[1-5][0-9])(\.5)?|0\.5|60/",
        ]
    )


def _numbers(most: int) -> str:
    """A regular expression for 0..most (a multiple of ten below a hundred)."""
    tens = most // 10
    return f"[0-9]|[1-{tens - 1}][0-9]|{most}"
