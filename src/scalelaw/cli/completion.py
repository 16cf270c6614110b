"""The command completion."""

import argparse
from pathlib import Path

from scalelaw.cli.common import Commands


def add_to(commands: Commands) -> None:
    """Add this command to the parser."""
    completion = commands.add_parser(
        "completion",
        help="print a script that completes commands and options",
        description="Print a script with which the shell's tab key completes commands and options.",
        example='eval "$(scalelaw completion bash)"',
    )
    completion.add_argument("shell", choices=("bash", "zsh", "tcsh"))
    completion.set_defaults(run=_completion)


def _completion(parsed: argparse.Namespace) -> int:
    import shtab

    from scalelaw.cli import make_parser

    parser = make_parser(with_steps=True)
    _complete_paths(parser)
    print(shtab.complete(parser, shell=parsed.shell))
    return 0


def _complete_paths(parser: argparse.ArgumentParser) -> None:
    """Let paths be completed; shtab leaves out what it is not told."""
    import shtab

    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in action.choices.values():
                _complete_paths(child)
        elif action.type is Path:
            # shtab's FILE offers folders too.
            action.complete = shtab.FILE  # type: ignore[attr-defined]
