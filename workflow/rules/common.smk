import sys
from pathlib import Path

sys.path.insert(0, str(CHECKOUT / "src"))  # the library need not be installed

from scalelaw.config import check_config
from scalelaw.errors import ConfigError
from scalelaw.environment import prepare_child_processes
from scalelaw.provenance import code_fingerprint

prepare_child_processes()

try:
    check_config(config, CHECKOUT / "workflow/schemas/config.schema.yaml")
except ConfigError as error:
    raise WorkflowError(str(error)) from None

RESULTS = config["results"]
BENCHMARKS = config["benchmarks"]
BASES = config["bases"]


def source(path):
    """Return an input path: in the working directory if it is there, else in the checkout."""
    for place in (Path(path), CHECKOUT / path):
        if place.exists():
            return str(place)
    # Without this, finished results would hide that an input is gone or mistyped.
    raise WorkflowError(
        f'"{path}", named in the configuration, is neither in {Path.cwd()} nor in {CHECKOUT}'
    )


def of_checkout(path):
    """Return a file of the checkout, relative where the working directory is the checkout."""
    return path if CHECKOUT == Path.cwd() else str(CHECKOUT / path)


def sources(kind):
    """Return the corpus files of a kind, the user's own after those of the project."""
    corpus = config["corpus"]
    extra = corpus["extra" if kind == "papers" else f"extra_{kind}"]
    return [source(path) for path in [corpus[kind], *extra]]


def code(rule):
    """Return a hash of the library code behind a rule, so that editing it reruns the rule."""
    return code_fingerprint(f"scalelaw.tasks.{rule}")
