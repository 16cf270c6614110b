"""Corpora whose truth is known, and the steps of the workflow on them."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from scalelaw import PowerLaw, tasks
from scalelaw.tables import read_records, read_result, write_table
from small_corpus import BENCHMARKS, ROOT, ROW, write_costs, write_hardware, write_papers

EXPONENT = 6.0
HARDWARE = 2.0
"""Decades of peak rate for each decade of 1/error; devices and hours bring the rest."""
FLOOR = 0.03
PAPERS, PER_PAPER = 24, 3
LEVEL = 0.95

PLAIN, FLOORED = "imagenet", "other"
"""The benchmark with a power law, and the one with a power law above a floor."""

AT = {PLAIN: 0.05, FLOORED: 0.05}
"""Errors whose compute is forecast, somewhat beyond the data."""


@dataclass(frozen=True)
class World:
    """A corpus, and the compute of one more paper at each error of `AT`."""

    folder: Path
    log_flop: dict[str, float]


def draw_world(folder: Path, seed: int) -> World:
    """Write a corpus in which compute scatters about laws by paper and by record.

    Each record has a device of its own, with a peak rate that rises as errors fall, in a number and
    for hours that bring its compute to what the law and chance say.
    """
    rng = np.random.default_rng([2020, seed])
    rows, devices, after = [], [], {}
    for number, (benchmark, floor) in enumerate(((PLAIN, 0.0), (FLOORED, FLOOR))):
        start = 16.0 + number
        scatter_of_papers, scatter = 0.3, 0.2
        papers = rng.uniform(0.4, 1.1, PAPERS)
        for i, near in enumerate(papers):
            shift, faster = scatter_of_papers * rng.normal(), 0.15 * rng.normal()
            for k in range(PER_PAPER):
                x = near + 0.05 * rng.normal()
                rate = 12.2 + HARDWARE * x + faster + 0.05 * rng.normal()
                device = f"Device {benchmark} {i}.{k}"
                devices.append(
                    {
                        "device": device,
                        "manufacturer": "M",
                        "kind": "GPU",
                        "release_date": "2011-01-01",
                        "peak_fp32_flop_per_s": repr(float(10**rate)),
                        "tdp_w": "300",
                        "source": "datasheet",
                    }
                )
                flop = 10 ** (start + EXPONENT * x + shift + scatter * rng.normal())
                count = max(1, round(10 ** (0.3 + 1.8 * x + 0.2 * rng.normal())))
                error = floor + 10**-x
                rows.append(
                    ROW
                    | {
                        "record_id": f"{benchmark}-{i}-{k}",
                        "paper": f"{benchmark}{i}",
                        "model": f"Model {benchmark} {i}.{k}",
                        "benchmark": benchmark,
                        "metric": "top1_error" if benchmark == PLAIN else "ap",
                        "value": repr(float(100 * (error if benchmark == PLAIN else 1 - error))),
                        "date": f"20{12 + int(12 * (near - 0.3))}-06",
                        "hardware": device,
                        "n_devices": str(count),
                        "training_hours": repr(float(flop / 10**rate / count / 3600)),
                    }
                )
        x = -np.log10(AT[benchmark] - floor)
        of_paper, of_record = scatter_of_papers * rng.normal(), scatter * rng.normal()
        after[benchmark] = start + EXPONENT * x + of_paper + of_record
    folder.mkdir(parents=True, exist_ok=True)
    write_papers(folder / "papers.csv", rows)
    write_hardware(folder / "hardware.csv", devices)
    (folder / "benchmarks.yaml").write_text(BENCHMARKS)
    write_costs(folder)
    return World(folder, after)


def run(task: str, **settings: Any) -> None:
    """Run a step of the workflow."""
    tasks.get(task)(**settings)


def check(folder: Path) -> Path:
    """Check the corpus of a folder and return its table of records."""
    names = ("records", "excluded", "problems", "waived")
    out = {name: folder / f"{name}.csv" for name in names}
    run(
        "check_corpus", papers=[folder / "papers.csv"], hardware=[folder / "hardware.csv"],
        benchmarks=[folder / "benchmarks.yaml"], analyse=[PLAIN, FLOORED], bases=["hardware"],
        exclude_scopes=["search"], parquet=folder / "records.parquet", **out,
    )  # fmt: skip
    return out["records"]


def recover(world: World, seed: int, replicates: int = 200, draws: int = 400) -> dict[str, bool]:
    """Run the workflow's steps and say of each planted figure if its interval holds it."""
    folder, both = world.folder, [PLAIN, FLOORED]
    records = check(folder)
    common = {"records": records, "level": LEVEL, "min_papers": 5, "seed": seed}
    benchmarks = {"benchmarks": both, "benchmark_files": [folder / "benchmarks.yaml"]}
    run(
        "fit_power_laws", **common, benchmarks=[PLAIN], bases=["hardware"], error_sd_decades=0.02,
        replicates=replicates, exponents=folder / "exponents.csv", left_out=folder / "left.csv",
        sensitivity=folder / "sensitivity.csv", fits=folder / "models",
    )  # fmt: skip
    run(
        "decompose_compute", **common, benchmarks=[PLAIN], pairs=[], replicates=replicates,
        pair_table=folder / "pairs.csv", trend_table=folder / "trends.csv",
    )  # fmt: skip
    run(
        "fit_curves", **common, **benchmarks, basis="hardware", error_sd_decades=0.02,
        n_draws=draws, curves=folder / "curves.csv", draws=folder / "draws.parquet",
    )  # fmt: skip
    table = read_result(folder / "exponents.csv")
    found = table[table["direction"] == "compute_on_error"].iloc[0]
    trends = read_result(folder / "trends.csv")
    rate = trends[
        (trends["component"] == "peak_rate")
        & (trends["rates"] == "as used")
        & (trends["regressor"] != "year")
    ].iloc[0]
    curves = read_result(folder / "curves.csv")
    above = curves[
        (curves["benchmark"] == FLOORED)
        & (curves["basis"] == "hardware")
        & (curves["form"] == "floored")
        & (curves["direction"] == "compute_on_error")
    ].iloc[0]
    held = {
        "exponent": found["ci_lower"] <= EXPONENT <= found["ci_upper"],
        "hardware": rate["lower"] <= HARDWARE <= rate["upper"],
        "floor": above["floor_lower"] <= FLOOR <= above["floor_upper"],
    }
    return {k: bool(v) for k, v in held.items()} | _forecast(world, curves)


def _forecast(world: World, curves: Any) -> dict[str, bool]:
    from scalelaw.cost.project import Estimate
    from scalelaw.cost.run import read_draws

    ensembles = read_draws(world.folder / "draws.parquet", curves)
    held = {}
    for benchmark, form in ((PLAIN, "power"), (FLOORED, "floored")):
        ensemble = ensembles[benchmark, "hardware"]
        said = Estimate.of(ensemble.log_compute(AT[benchmark], form), LEVEL)
        held[f"forecast, {form}"] = bool(
            said.lower <= 10 ** world.log_flop[benchmark] <= said.upper
        )
    return held


COMPUTE_CLAIMS = frozenset({"exponent", "halving_factor", "projection", "r_squared"})
"""Quantities of claims that only a relation of compute and error can support."""

CORPUS = ROOT / "data"
CONFIG: dict[str, Any] = yaml.safe_load((ROOT / "config/config.yaml").read_text())


def check_corpus(folder: Path, papers: Path = CORPUS / "papers.csv") -> Path:
    """Check the project's corpus, or another one with its devices and benchmarks."""
    out = {name: folder / f"{name}.csv" for name in ("records", "excluded", "problems", "waived")}
    run(
        "check_corpus", papers=[papers], hardware=[CORPUS / "hardware.csv"],
        benchmarks=[CORPUS / "benchmarks.yaml"], analyse=CONFIG["benchmarks"],
        bases=CONFIG["bases"], exclude_scopes=CONFIG["corpus"]["exclude_scopes"],
        parquet=folder / "records.parquet", **out,
    )  # fmt: skip
    return out["records"]


def permute_errors(records: Path, target: Path, seed: int) -> None:
    """Write the table of records with the errors of each benchmark's fits dealt out anew."""
    rng = np.random.default_rng([1905, seed])
    table = read_records(records, prose=True)
    for _, rows in table[table["excluded"] == ""].groupby("benchmark").groups.items():
        table.loc[rows, "error"] = rng.permutation(table.loc[rows, "error"].to_numpy())
    write_table(table, target)


def plant_errors(records: Path, target: Path, exponent: float) -> None:
    """Write the table of records with errors on ImageNet that follow from compute by a power law.

    The peak rate of every device is its FP32 rate, so that no choice of rates changes the law.
    """
    rng = np.random.default_rng(1871)
    table = read_records(records, prose=True)
    mine = (table["benchmark"] == "imagenet") & table["flop_hardware_fp32"].notna()
    table["flop_hardware"] = table["flop_hardware_fp32"].where(mine)
    decades = (np.log10(table.loc[mine, "flop_hardware"]) - 24) / exponent
    table.loc[mine, "error"] = 0.08 * 10 ** (-decades + 0.01 * rng.normal(size=mine.sum()))
    write_table(table, target)


def judge(folder: Path, records: Path, theory: Path, replicates: int, draws: int) -> Any:
    """Run every step from the fits to the ledger on a table of records; return the ledger.

    Parameters
    ----------
    folder : path
        Where results go.
    records : path
        Table of records.
    theory : path
        Folder with the tables of ``simulate_theory``, which depend on no record.
    replicates, draws : int
        Of the bootstrap and of the projections.
    """
    fit, cost, basis = CONFIG["fit"], CONFIG["cost"], CONFIG["headline_basis"]
    common = {"records": records, "level": fit["level"], "seed": CONFIG["seed"]}
    fits = {"benchmarks": CONFIG["benchmarks"], "min_papers": fit["min_papers"]}
    pairs = ["..".join(pair) for pair in CONFIG["decompose"]["pairs"]]
    split = {**common, **fits, "pairs": pairs, "replicates": replicates}
    sd = {"error_sd_decades": fit["error_sd_decades"]}
    hardware, files = [CORPUS / "hardware.csv"], [CORPUS / "benchmarks.yaml"]
    prices = {name: ROOT / cost[name] for name in ("prices", "grid", "constants")}

    def out(*names: str) -> dict[str, Path]:
        return {name: folder / f"{name}.csv" for name in names}

    run(
        "fit_power_laws", **common, **fits, **sd, bases=[basis], replicates=replicates,
        fits=folder / "models", **out("exponents", "left_out", "sensitivity"),
    )  # fmt: skip
    run("decompose_compute", **split, **out("pair_table", "trend_table"))
    run("decompose_gains", **split, **out("gains", "yearly", "gain_pairs"))
    run(
        "fit_trends", records=records, hardware=hardware, bases=[basis], level=fit["level"],
        **out("hardware_table", "efficiency_table", "efficiency_series"),
    )  # fmt: skip
    run(
        "fit_curves", **common, **fits, **sd, benchmark_files=files, basis=basis, n_draws=draws,
        draws=folder / "draws.parquet", **out("curves"),
    )  # fmt: skip
    where = {"level": fit["level"], "seed": CONFIG["seed"], "basis": basis, "hardware": hardware}
    where |= prices
    run(
        "project_costs", curves=folder / "curves.csv", draws=folder / "draws.parquet",
        benchmarks=CONFIG["benchmarks"], benchmark_files=files, device=cost["device"],
        year=cost["year"], places=cost["places"], home=cost["home_device"],
        predictions_per_day=cost["predictions_per_day"], scenario=folder / "scenario.json",
        **where, **out("projections", "running"),
    )  # fmt: skip
    run(
        "check_claims", claims=ROOT / CONFIG["claims"], records=records, benchmark_files=files,
        pairs=folder / "pair_table.csv", trends=folder / "trend_table.csv",
        hardware_trends=folder / "hardware_table.csv", efficiency=folder / "efficiency_table.csv",
        theory_exponents=theory / "exponents.csv", overtaking=theory / "overtaking.csv",
        **{n: folder / f"{n}.csv" for n in ("exponents", "sensitivity", "curves", "gains",
                                            "projections")},
        **where, **out("ledger", "answers"),
    )  # fmt: skip
    return read_result(folder / "ledger.csv").set_index("claim_id")


def simulate(folder: Path) -> None:
    """Run a small simulation of the theory."""
    run(
        "simulate_theory", variables=40, relevant=5, noise_sds=[0.5], replicates=3, folds=3,
        sample_sizes=[30, 100, 1000, 10000], growing_ratio=0.5, growing_sizes=[200, 400],
        level=LEVEL, bootstrap_replicates=100, seed=1, threads=1,
        **{name: folder / f"{name}.csv" for name in ("learning_curves", "overtaking",
                                                     "exponents")},
    )  # fmt: skip


def spoil(target: Path, seed: int, factor: float = 1000.0, share: float = 0.01) -> dict[str, int]:
    """Write the corpus with the hours of some rows multiplied; return their ids and lines."""
    rng = np.random.default_rng([1000, seed])
    with (CORPUS / "papers.csv").open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    timed = [row for row in rows if row["training_hours"]]
    chosen = rng.choice(len(timed), max(1, round(share * len(timed))), replace=False)
    for i in chosen:
        timed[i]["training_hours"] = repr(factor * float(timed[i]["training_hours"]))
    write_papers(target, rows)
    lines = {row["record_id"]: line for line, row in enumerate(rows, 2)}
    return {name: lines[name] for name in (timed[i]["record_id"] for i in chosen)}


def compute_claims() -> list[str]:
    """Return the claims of the ledger that only compute against error can support."""
    claims = yaml.safe_load((CORPUS / "claims.yaml").read_text(encoding="utf-8"))
    return [key for key, claim in claims.items() if claim["quantity"] in COMPUTE_CLAIMS]


def exponent_of(records: Any) -> tuple[float, float, float]:
    """Return the headline exponent on ImageNet with its interval."""
    data = records[(records["benchmark"] == "imagenet") & (records["excluded"] == "")]
    data = data[data["flop_hardware"].notna()]
    law = PowerLaw("flop_hardware", "error", "x_on_y", replicates=0)
    found = law.fit(data, "paper").cost_exponent()
    return found.value, found.lower, found.upper
