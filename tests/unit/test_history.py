"""What changed since the run before: added, removed and changed records, and moved exponents."""

import pandas as pd
import pytest

from scalelaw.errors import ScalelawError
from scalelaw.history import compare, remember, state_of

RECORDS = pd.DataFrame(
    {
        "record_id": ["a", "b", "c"],
        "model": ["A", "B", "C"],
        "benchmark": ["imagenet", "imagenet", "other"],
        "excluded": ["", "no compute", ""],
        "error": [0.1, 0.2, float("nan")],
        "file": ["papers.csv"] * 3,
        "line": [2.0, 3.0, 4.0],
    }
)
EXPONENTS = pd.DataFrame(
    {
        "benchmark": ["imagenet", "imagenet", "other"],
        "basis": "hardware",
        "direction": ["compute_on_error", "york", "york"],
        "status": ["fitted", "fitted", "too few papers"],
        "exponent": [6.0, 7.0, float("nan")],
        "ci_lower": [5.0, 6.0, float("nan")],
        "ci_upper": [7.0, 8.0, float("nan")],
    }
)


def run(path, records=RECORDS, exponents=EXPONENTS):
    return compare(*remember(state_of(records, exponents), path))


@pytest.fixture
def history(tmp_path):
    return tmp_path / "history.parquet"


def counts(changes):
    return changes.counts.set_index("what")


def test_a_first_run_has_changed_nothing(history):
    changes = run(history)
    assert changes.records.empty
    assert changes.exponents.empty
    assert counts(changes)["n_now"].tolist() == [3, 2, 2, 2]
    assert counts(changes)["n_before"].isna().all()


def test_records_that_came_went_and_changed_are_told(history):
    run(history)
    # The first goes, so that the others stand a line higher; the last changes; one is new.
    later = RECORDS.iloc[1:].assign(line=[2.0, 3.0])
    later.loc[later["record_id"] == "c", "error"] = 0.3
    new = RECORDS.iloc[:1].assign(record_id="d", model="D")
    changes = run(history, pd.concat([later, new], ignore_index=True))
    assert changes.records.to_numpy().tolist() == [
        ["added", "d", "imagenet", "D"],
        ["changed", "c", "other", "C"],
        ["removed", "a", "imagenet", "A"],
    ]
    assert counts(changes).loc["records"].tolist() == [3, 3]
    assert changes.exponents.empty


def test_exponents_that_moved_came_or_went_are_told(history):
    run(history)
    later = EXPONENTS.copy()
    later.loc[0, "exponent"] = 6.5
    later.loc[1, "status"] = "too few papers"
    later.loc[2, ["status", "exponent", "ci_lower", "ci_upper"]] = ["fitted", 3.0, 2.0, 4.0]
    found = run(history, RECORDS, later).exponents.set_index(["benchmark", "direction"])
    assert found["exponent_before"].to_dict() == pytest.approx(
        {("imagenet", "compute_on_error"): 6.0, ("other", "york"): float("nan"),
         ("imagenet", "york"): 7.0}, nan_ok=True,
    )  # fmt: skip
    assert found["exponent_now"].tolist() == pytest.approx([6.5, 3.0, float("nan")], nan_ok=True)
    assert found["ci_upper_now"].iloc[1] == 4.0


def test_a_run_that_is_repeated_tells_the_same(history):
    run(history)
    first = run(history, RECORDS.iloc[:2])
    written = history.read_bytes()
    again = run(history, RECORDS.iloc[:2])
    assert history.read_bytes() == written
    assert again.records.equals(first.records)
    assert len(first.records) == 1
    back = run(history)
    assert back.records["change"].tolist() == ["added"]


def test_a_damaged_history_says_what_to_do(history):
    history.write_bytes(b"PAR1 no more")
    with pytest.raises(ScalelawError, match=r"history\.parquet: damaged.*delete it"):
        run(history)
