"""The command line: the tasks of the workflow, and questions to its results, for people."""

import argparse
import os
import sys
import traceback
from collections.abc import Sequence

# The commands are imported within `main`, so that an interruption meanwhile is a word as well.
from scalelaw.errors import ScalelawError, UnreadableError, UsageError, did_you_mean
from scalelaw.files import UnwritableError, explain

HELP = """\
usage: scalelaw COMMAND ...        scalelaw COMMAND --help shows an example

What does a better deep-learning model cost? scalelaw fits training compute
to the error of published results, or of your own, with honest intervals.

Add and check data
  validate     check corpus files and list every problem
  add          ask for a new record, check it and append it
  import       draft rows for review from Epoch AI or timm
Fit your own runs
  fit          a law of two columns of a CSV file
  fit-surface  loss against parameters and tokens
Results
  report       make every result and the report, with your papers if you like
  afford       what an error costs, or what a budget reaches
  decompose    split progress into hardware, scale and algorithms
  verify       hold results against their manifest of hashes
Help
  doctor       check the installation       completion   for the shell's tab key

  scalelaw report --corpus mine.csv
  scalelaw fit runs.csv --x flop --y error --group paper --plot law.png
Exit status: 0 fine, 1 errors in the input, 2 usage or unreadable file, 3 a bug,
130 interrupted. Documentation: docs/cli.md of the project.
"""

FINE, FAULTY, UNUSABLE, BUG, INTERRUPTED = 0, 1, 2, 3, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns
    -------
    int
        0; 1 where the input has errors; 2 for bad usage or a file that cannot be read or written;
        3 after an unexpected failure; 130 after an interruption.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        _prepare_output()
        status = _run(words)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        print("\nscalelaw: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader, such as `head`, has had enough.
        _drop_output()
        return FINE
    except ScalelawError as error:
        print(f"scalelaw stopped:\n{error}", file=sys.stderr)
        unusable = isinstance(error, UsageError | UnreadableError | UnwritableError)
        return UNUSABLE if unusable else FAULTY
    except UnicodeDecodeError as error:
        print(f"scalelaw stopped:\na file is not text in UTF-8: {error}", file=sys.stderr)
        return UNUSABLE
    except OSError as error:
        if error.filename is None and (explained := explain(error, "the output")):
            print(f"scalelaw stopped:\n{explained}", file=sys.stderr)
            _drop_output()
            return UNUSABLE
        if error.filename is None or error.strerror is None:
            return _bug(error, words)
        print(f"scalelaw stopped:\n{error.filename}: {error.strerror}", file=sys.stderr)
        return UNUSABLE
    except Exception as error:
        return _bug(error, words)


def make_parser(with_steps: bool = False) -> argparse.ArgumentParser:
    """Return the parser; the workflow's steps are loaded only where they are asked for."""
    from scalelaw import __version__
    from scalelaw.cli import (
        afford,
        completion,
        data,
        decompose,
        doctor,
        fit,
        report,
        task,
        verify,
    )
    from scalelaw.cli.common import Commands, Parser, add_common_options

    parser = Parser(prog="scalelaw", story=HELP)
    parser.add_argument("--version", action="version", version=f"scalelaw {__version__}")
    commands: Commands = parser.add_subparsers(
        required=True, metavar="COMMAND", dest="command", parser_class=Parser
    )
    for module in (data, fit, report, afford, decompose, verify, doctor, completion):
        module.add_to(commands)
    task.add_to(commands, with_steps)
    add_common_options(parser)
    return parser


def _prepare_output() -> None:
    """Let every text be printed, whatever the encoding, and nowhere if a stream is closed."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115, PTH123
        elif getattr(stream, "errors", None) == "strict" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _drop_output() -> None:
    """Drop what is not printed yet: Python would fail at it once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(words: list[str]) -> int:
    if not words:
        print(HELP, end="")
        return UNUSABLE
    parser = make_parser(with_steps=words[:1] == ["task"])
    if not words[0].startswith("-"):
        _refuse_unknown(parser, words[0])
    parsed = parser.parse_args(words)
    status: int = parsed.run(parsed)
    return status


def _refuse_unknown(parser: argparse.ArgumentParser, word: str) -> None:
    """Stop at a command that there is not, with the nearest one."""
    known = command_names(parser)
    if word not in known:
        near = did_you_mean(word, known) or f"there are {', '.join(known)}"
        parser.exit(UNUSABLE, f'scalelaw: there is no command "{word}"; {near}\n')


def command_names(parser: argparse.ArgumentParser) -> list[str]:
    """Return the names of a parser's commands."""
    return [
        name
        for action in parser._actions
        if isinstance(action, argparse._SubParsersAction)
        for name in action.choices
    ]


def _bug(error: BaseException, words: Sequence[str]) -> int:
    """Say in a line that this is not the user's fault, and show the traceback only if asked."""
    from scalelaw.cli import doctor

    place = doctor.issue_page()
    report_it = f"please report it at {place}" if place else "please report it"
    hint = "" if "--debug" in words else "; --debug shows where"
    kind = type(error).__name__
    print(f"scalelaw failed: {kind}: {error} (a bug, {report_it}{hint})", file=sys.stderr)
    if "--debug" in words:
        traceback.print_exception(error)
    return BUG
