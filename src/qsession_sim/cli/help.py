"""Pages of help that fit the terminal: names stand on lines of their own where there is little room."""

from __future__ import annotations

import inspect
import shutil
import textwrap
from collections.abc import Iterable
from typing import Any, Final

import typer

_WIDEST: Final = 80
"""Columns in which names have room beside what they mean; no page is wider."""

_NARROWEST: Final = 40

_INDENT: Final = 4


class _Page(typer.Context.formatter_class):  # type: ignore[misc, valid-type] # it has no other public name
    """A page that is being written."""

    def __init__(self) -> None:
        columns = max(min(shutil.get_terminal_size().columns, _WIDEST), _NARROWEST)
        self._is_wide = columns == _WIDEST
        super().__init__(width=columns - (2 if self._is_wide else 0))

    def write_dl(self, rows: Iterable[tuple[str, str]], *places: int, **names: int) -> None:
        """Write names and what they mean."""
        if self._is_wide:
            super().write_dl(rows, *places, **names)
            return
        for name, meaning in rows:
            self._write(name, self.current_indent)
            self._write(meaning, self.current_indent + _INDENT)

    def _write(self, text: str, indent: int) -> None:
        for line in textwrap.wrap(text, self.width - indent, break_on_hyphens=False):
            self.write(f"{'':{indent}}{line}\n")


class _Context(typer.Context):
    def make_formatter(self) -> Any:
        """What a page of help is written to."""
        return _Page()


def with_fitting_help(command: Any) -> None:
    """Let a command and those below it write pages that fit, and say of commands all of their first line."""
    command.context_class = _Context
    command.short_help = inspect.cleandoc(command.help or "").partition("\n\n")[0].replace("\n", " ")
    for below in getattr(command, "commands", {}).values():
        with_fitting_help(below)
