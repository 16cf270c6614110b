"""The command completion."""

import argparse

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

    print(shtab.complete(make_parser(with_steps=True), shell=parsed.shell))
    return 0
