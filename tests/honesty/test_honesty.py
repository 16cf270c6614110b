"""Whether the whole pipeline finds what is there, and nothing where nothing is.

Short forms; ``benchmarks/honesty.py`` has the long ones.
"""

import re

import numpy as np
import pytest
import yaml

from honest import (
    CONFIG,
    CORPUS,
    check_corpus,
    compute_claims,
    draw_world,
    exponent_of,
    judge,
    permute_errors,
    plant_errors,
    recover,
    simulate,
    spoil,
)
from scalelaw import load_corpus
from scalelaw.claims.ledger import NOT_SUPPORTED, SUPPORTED
from scalelaw.errors import ScalelawError
from scalelaw.tables import read_records, read_result

WORLDS = 12
PERMUTATIONS = 2
SPOILED = 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with the project's records, and with the tables of a small simulation."""
    folder = tmp_path_factory.mktemp("honesty")
    check_corpus(folder)
    simulate(folder)
    return folder


def test_intervals_hold_planted_truth(tmp_path):
    """Of 60 intervals at 95%, 9 or more would miss with a chance under 0.5%."""
    held = [
        ok
        for seed in range(WORLDS)
        for ok in recover(draw_world(tmp_path / str(seed), seed), seed).values()
    ]
    assert len(held) == 5 * WORLDS
    assert sum(held) > len(held) - 9


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("seed", range(PERMUTATIONS))
def test_no_claim_about_compute_survives_shuffled_errors(folder, tmp_path, seed):
    permute_errors(folder / "records.csv", tmp_path / "records.csv", seed)
    ledger = judge(tmp_path, tmp_path / "records.csv", folder, replicates=100, draws=300)
    claims = compute_claims()
    assert len(claims) >= 8
    verdicts = ledger.loc[claims, "verdict"]
    assert verdicts[verdicts == SUPPORTED].to_dict() == {}
    # Nor does the report lose its tongue: verdicts that do not rest on errors stay.
    assert (ledger["verdict"] == SUPPORTED).any()


@pytest.mark.parametrize(
    ("exponent", "ninth_power", "above_theory"),
    [(12, SUPPORTED, SUPPORTED), (6, NOT_SUPPORTED, SUPPORTED), (2, NOT_SUPPORTED, NOT_SUPPORTED)],
)
def test_the_same_steps_tell_what_is_planted(folder, tmp_path, exponent, ninth_power, above_theory):
    plant_errors(folder / "records.csv", tmp_path / "records.csv", exponent)
    ledger = judge(tmp_path, tmp_path / "records.csv", folder, replicates=100, draws=300)
    found = ledger.loc[["practice_exponent", "practice_above_theory"], "verdict"]
    assert found.tolist() == [ninth_power, above_theory]


@pytest.mark.parametrize("seed", range(SPOILED))
def test_a_planted_unit_error_is_flagged_before_it_moves_an_exponent(folder, tmp_path, seed):
    spoiled = spoil(tmp_path / "papers.csv", seed)
    try:
        found = load_corpus(
            [tmp_path / "papers.csv"], [CORPUS / "hardware.csv"], [CORPUS / "benchmarks.yaml"]
        ).problems
    except ScalelawError as refusal:
        found = refusal.problems
    flagged = {problem.line for problem in found} & set(spoiled.values())
    value, lower, upper = exponent_of(read_records(folder / "records.csv"))
    records = read_records(folder / "records.csv")
    times = np.where(records["record_id"].isin(list(spoiled)), 1000.0, 1.0)
    moved = exponent_of(records.assign(flop_hardware=records["flop_hardware"] * times))[0]
    assert flagged or lower <= moved <= upper, (value, moved)
    assert flagged


def test_no_exponent_stands_without_sample_and_interval(finished):
    table = read_result(finished.path / "results/fits/exponents.csv")
    fitted = table[table["status"] == "fitted"]
    needed = ["n_records", "n_papers", "decades_compute", "ci_lower", "ci_upper", "boot_lower"]
    assert len(fitted)
    assert fitted[needed].notna().all(axis=None)
    assert table.loc[table["status"] != "fitted", "exponent"].isna().all()


def test_no_exponent_of_the_report_stands_without_sample_and_interval(finished):
    html = (finished.path / "results/report.html").read_text(encoding="utf-8")
    section = html[html.index('<section id="exponents">') :].partition("</section>")[0]
    heads = [
        re.findall(r"<th[^>]*>([^<]*)</th>", head)
        for head in re.findall(r"<thead>(.*?)</thead>", section, re.DOTALL)
    ]
    # The table without each paper says how the exponent moves, of a fit that stands above it.
    own = [head for head in heads if "Exponent" in head and "Paper left out" not in head]
    assert len(own) >= 3
    for head in own:
        assert {"Records", "Papers", "95% interval"} <= set(head)


def test_no_projection_stands_without_its_distance_from_the_data(finished):
    table = read_result(finished.path / "results/projections/projections.csv")
    projected = table[table["status"] == "projected"]
    assert len(projected)
    needed = ["decades_beyond", "lowest_error", "lower", "upper", "share_unreachable"]
    assert projected[needed].notna().all(axis=None)
    assert table.loc[table["status"] != "projected", "median"].isna().all()


def test_verdicts_are_typed_in_nowhere():
    claims = yaml.safe_load((CORPUS / "claims.yaml").read_text())
    assert not any("verdict" in key for claim in claims.values() for key in claim)
    assert CONFIG["claims"] == "data/claims.yaml"
