rule decompose_compute:
    """Split compute into peak rate, devices and hours, for pairs and as trends."""
    input:
        records=rules.check_corpus.output.records,
    output:
        pair_table=report(
            f"{RESULTS}/decomposition/pairs.csv",
            category="Decomposition",
            labels={"table": "pairs of models"},
            caption="../report/decompose_compute.rst",
        ),
        trend_table=report(
            f"{RESULTS}/decomposition/trends.csv",
            category="Decomposition",
            labels={"table": "trends"},
            caption="../report/decompose_compute.rst",
        ),
    log:
        f"{RESULTS}/logs/decompose_compute.log",
    benchmark:
        f"{RESULTS}/benchmarks/decompose_compute.tsv"
    conda:
        "../../environment.yml"
    params:
        benchmarks=BENCHMARKS,
        pairs=["..".join(pair) for pair in config["decompose"]["pairs"]],
        min_papers=config["fit"]["min_papers"],
        replicates=config["fit"]["bootstrap_replicates"],
        level=config["fit"]["level"],
        seed=config["seed"],
        code=code("decompose_compute"),
    script:
        "../scripts/decompose_compute.py"


rule decompose_gains:
    """Split gains in error into hardware, scale and algorithms."""
    input:
        records=rules.check_corpus.output.records,
    output:
        gains=report(
            f"{RESULTS}/decomposition/gains.csv",
            category="Decomposition",
            labels={"table": "gains in error"},
            caption="../report/decompose_gains.rst",
        ),
        yearly=report(
            f"{RESULTS}/decomposition/gains_by_year.csv",
            category="Decomposition",
            labels={"table": "gains by year"},
            caption="../report/decompose_gains.rst",
        ),
        gain_pairs=report(
            f"{RESULTS}/decomposition/gain_pairs.csv",
            category="Decomposition",
            labels={"table": "gains of pairs"},
            caption="../report/decompose_gains.rst",
        ),
    log:
        f"{RESULTS}/logs/decompose_gains.log",
    benchmark:
        f"{RESULTS}/benchmarks/decompose_gains.tsv"
    conda:
        "../../environment.yml"
    params:
        benchmarks=BENCHMARKS,
        pairs=["..".join(pair) for pair in config["decompose"]["pairs"]],
        min_papers=config["fit"]["min_papers"],
        replicates=config["fit"]["bootstrap_replicates"],
        level=config["fit"]["level"],
        seed=config["seed"],
        code=code("decompose_gains"),
    script:
        "../scripts/decompose_gains.py"


rule fit_trends:
    """Fit how fast hardware and algorithms have become better."""
    input:
        records=rules.check_corpus.output.records,
        hardware=sources("hardware"),
    output:
        hardware_table=report(
            f"{RESULTS}/decomposition/hardware_trends.csv",
            category="Decomposition",
            labels={"table": "hardware trends"},
            caption="../report/fit_trends.rst",
        ),
        efficiency_table=report(
            f"{RESULTS}/decomposition/efficiency.csv",
            category="Decomposition",
            labels={"table": "compute for a fixed level"},
            caption="../report/fit_trends.rst",
        ),
        efficiency_series=report(
            f"{RESULTS}/decomposition/efficiency_points.csv",
            category="Decomposition",
            labels={"table": "compute for a fixed level, points"},
            caption="../report/fit_trends.rst",
        ),
    log:
        f"{RESULTS}/logs/fit_trends.log",
    benchmark:
        f"{RESULTS}/benchmarks/fit_trends.tsv"
    conda:
        "../../environment.yml"
    params:
        bases=[b for b in BASES if b != "best"],
        level=config["fit"]["level"],
        code=code("fit_trends"),
    script:
        "../scripts/fit_trends.py"
