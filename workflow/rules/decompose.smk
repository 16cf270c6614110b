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
