"""Packed batches: several examples share a row and the beginning that all prompts have, and attend to no other example.

A row reads `shared | rest of one | rest of another | padding`. An example's tokens attend to the shared beginning and
to earlier tokens of the same example, and their positions count from there. A batch takes about two thirds of the work
of one padded row per example, for the same losses.

Shapes: R rows, L tokens of the longest row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from brain.prompt import prompt_tokens
from finetune.cases import Case

IGNORE = -100
SHARED, PADDING = 0, -1  # in `TokenBatch.owner`
EXAMPLES_A_ROW = 4  # attention grows with the square of a row


@dataclass(frozen=True, slots=True)
class Example:
    """Token ids of prompt and plan; the loss counts from `prompt` on."""

    tokens: list[int]
    prompt: int


@dataclass(frozen=True, slots=True)
class TokenBatch:
    """Token ids, labels (IGNORE where there is no loss), positions within the example, and each token's example: [R,
    L].

    `owner` counts examples from 1 through the whole batch; SHARED and PADDING mark the other tokens.
    """

    tokens: Tensor
    labels: Tensor
    places: Tensor
    owner: Tensor

    @property
    def size(self) -> int:
        """Number of tokens without padding."""
        return int((self.owner != PADDING).sum())

    def mask(self, dtype: torch.dtype) -> Tensor:
        """[R, 1, L, L], added to the attention scores: 0 where a token may attend, else the dtype's least number."""
        length = self.owner.shape[1]
        query, key = self.owner[:, :, None], self.owner[:, None, :]
        may = ((query == key) | (key == SHARED)) & torch.ones(length, length, dtype=torch.bool).tril()
        return torch.zeros(may.shape, dtype=dtype).masked_fill_(~may, torch.finfo(dtype).min)[:, None]


def example(tokenizer: Any, case: Case) -> Example:
    """Tokens of a case: the prompt as the brain gets it, the plan, and the end of sequence."""
    prompt = prompt_tokens(tokenizer, case.text, case.context)
    plan = list(tokenizer(case.plan, add_special_tokens=False).input_ids)
    return Example([*prompt, *plan, tokenizer.eos_token_id], len(prompt))


def shared_beginning(examples: Sequence[Example]) -> int:
    """Number of tokens that all prompts begin with; at least the last token of every prompt is its own."""
    least, most = min(item.tokens for item in examples), max(item.tokens for item in examples)
    longest = min(item.prompt for item in examples) - 1
    return next((place for place in range(longest) if least[place] != most[place]), longest)


def pack(examples: Sequence[Example], shared: int) -> TokenBatch:
    """The examples in rows of about equal length, EXAMPLES_A_ROW per row on average.

    shared: length of the common beginning.
    """
    rows: list[list[Example]] = [[] for _ in range(-(-len(examples) // EXAMPLES_A_ROW))]
    for item in sorted(examples, key=lambda item: -len(item.tokens)):
        min(rows, key=lambda row: sum(len(one.tokens) - shared for one in row)).append(item)
    length = shared + max(sum(len(item.tokens) - shared for item in row) for row in rows)
    tokens = torch.zeros(len(rows), length, dtype=torch.long)
    labels, places = torch.full_like(tokens, IGNORE), torch.zeros_like(tokens)
    owner = torch.full_like(tokens, PADDING)
    number = 0
    for index, row in enumerate(rows):
        tokens[index, :shared] = torch.tensor(row[0].tokens[:shared])
        places[index, :shared] = torch.arange(shared)
        owner[index, :shared] = SHARED
        begin = shared
        for item in row:
            number += 1
            end = begin + len(item.tokens) - shared
            tokens[index, begin:end] = torch.tensor(item.tokens[shared:])
            labels[index, begin + item.prompt - shared : end] = torch.tensor(item.tokens[item.prompt :])
            places[index, begin:end] = torch.arange(shared, len(item.tokens))
            owner[index, begin:end] = number
            begin = end
    return TokenBatch(tokens, labels, places, owner)


class Batches:
    """Batches in a new order every epoch; `batch(step)` depends on the step alone."""

    def __init__(self, examples: Sequence[Example], size: int, seed: int) -> None:
        self.examples, self.size, self.seed = examples, size, seed
        self.shared = shared_beginning(examples)

    def __len__(self) -> int:
        return max(1, len(self.examples) // self.size)

    def batch(self, step: int) -> TokenBatch:
        """The packed batch of a step; the same step gives the same batch."""
        epoch, number = divmod(step, len(self))
        generator = torch.Generator().manual_seed(self.seed * 1000 + epoch)
        order = torch.randperm(len(self.examples), generator=generator).tolist()
        indices = order[number * self.size : (number + 1) * self.size]
        return pack([self.examples[index] for index in indices], self.shared)
