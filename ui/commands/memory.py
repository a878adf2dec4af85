"""`lucidrive memory`: what a setup takes of a device, before anything is loaded."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ui.console import print_json, print_table, say


def memory(
    profile: Annotated[str, typer.Option(help="embedded or rtx5090; the options below change single things of it.")] = (
        "embedded"
    ),
    capacity: Annotated[
        str | None, typer.Option(help="Of the device, such as 32GiB or 32G; default: the profile's.")
    ] = None,
    world: Annotated[
        str | None, typer.Option(help="scene, or a latent config: embedded, small, wide or rtx5090.")
    ] = None,
    brain: Annotated[str | None, typer.Option(help="SmolLM2-135M, Qwen3-8B, ...")] = None,
    quant: Annotated[str | None, typer.Option(help="fp32, bf16, int8, nf4 or nf4-double.")] = None,
    kv: Annotated[str | None, typer.Option(help="Type of the brain's KV cache: fp32, bf16 or fp8.")] = None,
    context: Annotated[int | None, typer.Option(help="Tokens that the KV cache has room for.")] = None,
    sessions: Annotated[int | None, typer.Option(help="Dreams at a time.")] = None,
    measure: Annotated[
        bool, typer.Option("--measure", help="Load and run it once, here, and use from now on what it really takes.")
    ] = False,
    compare: Annotated[
        bool, typer.Option("--compare", help="After --measure: foretold beside real peaks of 1, 4 and 8 dreams.")
    ] = False,
    weights: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="To --measure: a latent world's, trained by you.")
    ] = None,
    brain_weights: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="To --measure: the language model's folder.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON alone on stdout.")] = False,
) -> None:
    """What fits: an itemised plan of memory, without weights and without a GPU. Exit code 1 where it does not fit."""
    from bridge.budget.ladder import advice, choices
    from bridge.budget.measure import compare as compared
    from bridge.budget.measure import measure as take
    from bridge.budget.plan import budget, rows
    from bridge.budget.serving import serve_command, shell_line
    from bridge.budget.setup import setup, tier
    from bridge.budget.sizes import parse_size, show_size

    plan_setup = setup(profile, world=world, brain=brain, quant=quant, kv=kv, context=context, sessions=sessions)
    room = tier(profile).capacity if capacity is None else parse_size(capacity)
    if measure or compare:
        say("Measuring in a process of its own; this takes a minute or two.")
        peaks = take(plan_setup, weights, brain_weights)
        if compare:
            say("Now with 1, 4 and 8 dreams, a process each.")
            beside = compared(peaks, world=weights, setup=plan_setup, brain=brain_weights)
            if as_json:
                print_json([{"dreams": n, "foretold": said, "measured": real} for n, said, real in beside])
            else:
                sizes = [(str(n), show_size(s), show_size(m), f"{s / m - 1:+.1%}") for n, s, m in beside]
                print_table("The most that is resident", sizes, ("dreams", "foretold", "measured", "wrong by"))
            return
    plan = budget(plan_setup, room)
    lower = [] if plan.fits else choices(plan_setup, room)
    if as_json:
        fields = {"fits": plan.fits, "needed": plan.needed} | asdict(plan)
        others = [{"needed": one.plan.needed, "rung": one.rung, "changes": one.changes} for one in lower]
        setups = [{"setup": asdict(one.plan.setup)} for one in lower]
        print_json(fields | {"choices": [other | its for other, its in zip(others, setups, strict=True)]})
    else:
        print_table(
            f"{plan_setup.world} world, {plan_setup.brain} in {plan_setup.quant}", rows(plan), ("part", "size", "")
        )
        if command := serve_command(plan_setup, room):
            say(f"With vLLM, the brain keeps to that by: {shell_line(command)}")
        if not plan.fits:
            say(advice(plan_setup, room, lower))
            if lower:
                print_table(
                    "What would fit, best first",
                    [(one.rung, one.changes, show_size(one.plan.needed)) for one in lower],
                    ("gives up", "instead", "needed"),
                )
    if not plan.fits:
        raise typer.Exit(1)
