"""A configuration is right as a whole or refused with every reason."""

import copy
from typing import Any

import pytest
import yaml

from scalelaw.config import check_config
from scalelaw.errors import ConfigError
from small_corpus import ROOT

SCHEMA = ROOT / "workflow/schemas/config.schema.yaml"
DEFAULTS = yaml.safe_load((ROOT / "config/config.yaml").read_text())


def changed(**changes: Any) -> dict[str, Any]:
    """Return the defaults with keys set by dotted path, dots written as two underscores."""
    config = copy.deepcopy(DEFAULTS)
    for path, value in changes.items():
        *outer, last = path.split("__")
        place = config
        for key in outer:
            place = place[key]
        place[last] = value
    return config


def test_the_defaults_are_valid():
    check_config(DEFAULTS, SCHEMA)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (changed(bencmarks=[]), 'bencmarks: unknown key (did you mean "benchmarks"?)'),
        (
            changed(fit__bootstrap_replicate=5),
            'fit.bootstrap_replicate: unknown key (did you mean "bootstrap_replicates"?)',
        ),
        (changed(**{"fit.min_papers": 3}), "fit.min_papers: unknown key (write fit: on a line"),
        (changed(fit__zzz=5), "fit.zzz: unknown key (known keys: min_papers"),
        (changed(headline_basis="hardwear"), '(did you mean "hardware"?)'),
        (changed(fit__level=95), "fit.level: 95 is greater than or equal to the maximum"),
        (changed(seed="lucky"), "seed: 'lucky' is not of type integer"),
        (
            changed(corpus__extra="mine.csv"),
            "corpus.extra: 'mine.csv' is not a list, such as [a, b]",
        ),
        (changed(decompose__pairs=[["a"]]), "decompose.pairs.0:"),
        (changed(bases=["reported"]), '"hardware" is not among bases (reported)'),
    ],
)
def test_mistakes_are_named_with_a_remedy(config, expected):
    with pytest.raises(ConfigError) as caught:
        check_config(config, SCHEMA)
    assert expected in str(caught.value)


def test_all_mistakes_are_named_at_once():
    with pytest.raises(ConfigError) as caught:
        check_config(changed(seed="x", results="", fit__level=2), SCHEMA)
    assert all(key in str(caught.value) for key in ("seed", "results", "fit.level"))
