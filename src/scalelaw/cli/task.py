"""The command task: one step of the workflow."""

import argparse
from pathlib import Path

from scalelaw import tasks
from scalelaw.cli.common import Commands


def add_to(commands: Commands, with_steps: bool) -> None:
    """Add this command to the parser, its steps only if they are asked for: that imports them."""
    task = commands.add_parser(
        "task",
        help="run one step of the workflow on files you name",
        description="Run one step of the workflow on files you name. The first line of each log "
        "in results/logs is such a command.",
        example="scalelaw task check-corpus --help",
    )
    names = task.add_subparsers(title="steps", required=True, metavar="STEP")
    for name in tasks.NAMES if with_steps else ():
        summary = (tasks.get(name).__doc__ or "").splitlines()[0]
        command = name.replace("_", "-")
        step = names.add_parser(
            command,
            help=summary,
            description=summary,
            example=f"$(head -1 results/logs/{name}.log | cut -c 3-)",
        )
        step.add_argument("--log", type=Path)
        for key, (kind, many, required) in tasks.parameters(name).items():
            step.add_argument(
                f"--{key.replace('_', '-')}",
                type=kind,
                nargs="*" if many else None,
                required=required and not many,
                default=[] if many else None,
                metavar=kind.__name__.upper(),
            )
        step.set_defaults(run=_task, task=name)


def _task(parsed: argparse.Namespace) -> int:
    settings = {key: getattr(parsed, key) for key in tasks.parameters(parsed.task)}
    settings = {key: value for key, value in settings.items() if value is not None}
    return tasks.run(parsed.task, parsed.log, **settings)
