import os
import sys
from pathlib import Path

# Scripts run in interpreters of their own, which need not have the library installed.
sys.path.insert(0, str(CHECKOUT / "src"))
os.environ["PYTHONPATH"] = os.pathsep.join(
    [str(CHECKOUT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
)
# Jobs run side by side; threads of linear algebra would only get in each other's way.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from scalelaw.config import check_config
from scalelaw.errors import ConfigError
from scalelaw.provenance import code_fingerprint

try:
    check_config(config, CHECKOUT / "workflow/schemas/config.schema.yaml")
except ConfigError as error:
    raise WorkflowError(str(error)) from None

RESULTS = config["results"]
BENCHMARKS = config["benchmarks"]
BASES = config["bases"]


def source(path):
    """Return an input path: in the working directory if it is there, else in the checkout."""
    return path if Path(path).exists() else str(CHECKOUT / path)


def sources(kind):
    """Return the corpus files of a kind, the user's own after those of the project."""
    corpus = config["corpus"]
    extra = corpus["extra" if kind == "papers" else f"extra_{kind}"]
    return [source(path) for path in [corpus[kind], *extra]]


def code(rule):
    """Return a hash of the library code behind a rule, so that editing it reruns the rule."""
    return code_fingerprint(f"scalelaw.tasks.{rule}")
