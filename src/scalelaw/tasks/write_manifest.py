"""Write down what the results were made from, and their hashes."""

import json
from pathlib import Path

from scalelaw.manifest import Manifest


def write_manifest(
    *, outputs: list[Path], inputs: list[Path], settings: str, manifest: Path
) -> str:
    """Write the manifest of a run.

    Parameters
    ----------
    outputs : list of path
        Every result, or folders of results.
    inputs : list of path
        Every input file.
    settings : str
        The configuration as JSON.
    manifest : path
        JSON file to write, at the top of the folder of results.
    """
    made = Manifest.of(manifest.parent, outputs, inputs, json.loads(settings))
    made.write(manifest)
    return f"{len(made.outputs)} results of {len(made.inputs)} inputs"
