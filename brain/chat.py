"""A chat model's tokenizer and template, read from the files that transformers keeps, without importing transformers.

The same tokens and the same text as transformers' own (a test compares them), a second and a half sooner.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from jinja2.exceptions import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import Tokenizer


@dataclass(frozen=True, slots=True)
class Encoded:
    """A text as token ids."""

    input_ids: list[int]


class ChatTokenizer:
    """A tokenizer with the methods of transformers' that the brain calls."""

    def __init__(self, folder: Path) -> None:
        """folder: holds tokenizer.json, tokenizer_config.json and chat_template.jinja, as transformers writes them. OSError where one is missing."""
        self._core = Tokenizer.from_file(str(folder / "tokenizer.json"))
        config = json.loads((folder / "tokenizer_config.json").read_text())
        self._tokens = {name: token for name, token in config.items() if name.endswith("_token")}  # for the template
        self.added_tokens_encoder = {
            token.content: number for number, token in self._core.get_added_tokens_decoder().items()
        }
        self.eos_token_id: int = self.added_tokens_encoder[config["eos_token"]]
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
        )
        environment.globals["raise_exception"] = _refuse
        self._template = environment.from_string((folder / "chat_template.jinja").read_text())

    def __call__(self, text: str, *, add_special_tokens: bool = True) -> Encoded:
        """Token ids of a text; add_special_tokens: with those that the model expects around it."""
        return Encoded(self._core.encode(text, add_special_tokens=add_special_tokens).ids)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids, special tokens included."""
        text: str = self._core.decode(list(ids), skip_special_tokens=False)
        return text

    def apply_chat_template(self, turns: Sequence[Mapping[str, str]], *, tokenize: bool, **variables: Any) -> str:
        """The conversation in the model's chat format. tokenize: always False; variables: passed to the template."""
        return self._template.render(self._tokens | variables | {"messages": turns})

    def to_str(self) -> str:
        """The tokenizer itself, as JSON."""
        written: str = self._core.to_str()
        return written


def _refuse(why: str) -> NoReturn:
    """What templates call where a conversation does not suit them."""
    raise TemplateError(why)
