"""The command verify."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from scalelaw.cli.common import Commands, default_results, results_in

_SAID = {
    "changed": "{}: not as the run left it",
    "missing": "{}: gone",
    "unknown": "{}: not a result of the run",
    "inputs_changed": "{}: this input has changed since (run `snakemake` or `scalelaw report` to "
    "bring results up to date)",
    "inputs_missing": "{}: this input is not here (name the folder of the run with --inputs)",
}


def add_to(commands: Commands) -> None:
    """Add this command to the parser."""
    verify = commands.add_parser(
        "verify",
        help="hold results against their manifest of hashes",
        description="Hold a folder of results against its manifest.json: every file by its "
        "SHA-256. Exit status 0 if all results are those of the run, else 1; inputs that have "
        "changed since are told and do not count.",
        example="scalelaw verify results",
    )
    verify.add_argument(
        "results", type=Path, nargs="?", default=default_results(), help="folder of results"
    )
    verify.add_argument(
        "--inputs", type=Path, default=Path(), metavar="FOLDER", help="where the run started"
    )
    verify.add_argument("--json", action="store_true", help="for programs")
    verify.set_defaults(run=_verify)


def _verify(parsed: argparse.Namespace) -> int:
    from scalelaw.manifest import Manifest, verify

    results = results_in(parsed.results)
    found = verify(results, parsed.inputs)
    if parsed.json:
        print(json.dumps(asdict(found) | {"whole": found.whole}, indent=1))
        return 0 if found.whole else 1
    for kind, names in asdict(found).items():
        for name in names:
            print(_SAID[kind].format(name))
    if found.whole:
        n = len(Manifest.read(results).outputs)
        print(f"{n} results are as the run left them")
    return 0 if found.whole else 1
