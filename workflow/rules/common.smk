import json
from pathlib import Path

from snakemake.common.configfile import load_configfile
from snakemake.utils import update_config

from scalelaw.config import check_benchmarks, check_config
from scalelaw.errors import ConfigError
from scalelaw.environment import prepare_child_processes
from scalelaw.files import check_folder
from scalelaw.interruption import (
    check_writable,
    clear_stale_locks,
    forget_run,
    hold_run,
)
from scalelaw.provenance import code_fingerprint

prepare_child_processes()

# A workflow that uses this one as a module sets only what it changes.
settings = load_configfile(str(CHECKOUT / "config/config.yaml"))
update_config(settings, config)
config = settings

try:
    check_config(config, CHECKOUT / "workflow/schemas/config.schema.yaml")
except ConfigError as error:
    files = [local] if has_settings else []
    files += workflow.config_settings.configfiles or []
    where = f"\nread from: {', '.join(map(str, files))}" if files else ""
    raise WorkflowError(f"{error}{where}") from None

# Jobs of a cluster read this file once more, on machines that need not share locks.
if workflow.is_main_process:
    try:
        check_folder(config["results"])
        at_work = clear_stale_locks(Path(".snakemake"))
    except ScalelawError as error:
        raise WorkflowError(str(error)) from None
    if at_work:
        print(at_work, file=sys.stderr)
else:
    forget_run()

RESULTS = config["results"]
BENCHMARKS = config["benchmarks"]
BASES = config["bases"]


def start_alone():
    """Refuse to run beside another run, or where results cannot be written."""
    if not workflow.is_main_process:
        return
    try:
        hold_run(Path(".snakemake"))
        check_writable(RESULTS)
    except ScalelawError as error:
        raise WorkflowError(str(error)) from None


def source(path):
    """Return an input path: in the working directory if it is there, else in the checkout."""
    for place in (Path(path), CHECKOUT / path):
        if place.exists():
            return str(place)
    # Without this, finished results would hide that an input is gone or mistyped.
    places = dict.fromkeys([str(Path.cwd()), str(CHECKOUT)])
    raise WorkflowError(
        f'"{path}", named in the configuration, is not in {" or in ".join(places)}'
    )


def of_checkout(path):
    """Return a file of the checkout, relative where the working directory is the checkout."""
    return path if CHECKOUT == Path.cwd() else str(CHECKOUT / path)


def sources(kind):
    """Return the corpus files of a kind, the user's own after those of the project."""
    corpus = config["corpus"]
    extra = corpus["extra" if kind == "papers" else f"extra_{kind}"]
    return [source(path) for path in [corpus[kind], *extra]]


INPUTS = [
    *sources("papers"),
    *sources("hardware"),
    *sources("benchmarks"),
    source(config["cost"]["prices"]),
    source(config["cost"]["grid"]),
    source(config["cost"]["constants"]),
    source(config["forecast"]["published"]),
    source(config["claims"]),
]


try:
    check_benchmarks(BENCHMARKS, sources("benchmarks"))
except ScalelawError as error:
    raise WorkflowError(str(error)) from None


def code(rule):
    """Return a hash of the library code behind a rule, so that editing it reruns the rule."""
    return code_fingerprint(f"scalelaw.tasks.{rule}")
