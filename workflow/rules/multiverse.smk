scattergather:
    multiverse=config["multiverse"]["chunks"],


GRID = {
    key: value
    for key, value in config["multiverse"].items()
    if key not in ("chunks", "replicates")
}


rule fit_multiverse:
    """Fit one part of the grid of specifications."""
    input:
        records=rules.check_corpus.output.records,
        benchmark_files=sources("benchmarks"),
    output:
        chunk=f"{RESULTS}/multiverse/chunks/{{scatteritem}}.parquet",
    log:
        f"{RESULTS}/logs/fit_multiverse/{{scatteritem}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/fit_multiverse/{{scatteritem}}.tsv"
    conda:
        "../../environment.yml"
    params:
        **GRID,
        benchmarks=BENCHMARKS,
        replicates=config["multiverse"]["replicates"],
        level=config["fit"]["level"],
        min_papers=config["fit"]["min_papers"],
        error_sd_decades=config["fit"]["error_sd_decades"],
        seed=config["seed"],
        part="{scatteritem}",
        code=code("fit_multiverse"),
    script:
        "../scripts/fit_multiverse.py"


rule gather_multiverse:
    """Join the parts of the grid of specifications and say what it shows."""
    input:
        chunks=gather.multiverse(f"{RESULTS}/multiverse/chunks/{{scatteritem}}.parquet"),
        records=rules.check_corpus.output.records,
        claims=source(config["claims"]),
        benchmark_files=sources("benchmarks"),
    output:
        specifications=f"{RESULTS}/multiverse/specifications.parquet",
        exclusions=report(
            f"{RESULTS}/multiverse/exclusions.csv",
            category="Multiverse",
            labels={"table": "combinations left out"},
            caption="../report/gather_multiverse.rst",
        ),
        spread=report(
            f"{RESULTS}/multiverse/spread.csv",
            category="Multiverse",
            labels={"table": "spread of exponents"},
            caption="../report/gather_multiverse.rst",
        ),
        choices=report(
            f"{RESULTS}/multiverse/choices.csv",
            category="Multiverse",
            labels={"table": "what moves the exponent"},
            caption="../report/gather_multiverse.rst",
        ),
        options=report(
            f"{RESULTS}/multiverse/options.csv",
            category="Multiverse",
            labels={"table": "exponent under each option"},
            caption="../report/gather_multiverse.rst",
        ),
        polled=report(
            f"{RESULTS}/multiverse/claims.csv",
            category="Multiverse",
            labels={"table": "support of claims"},
            caption="../report/gather_multiverse.rst",
        ),
    log:
        f"{RESULTS}/logs/gather_multiverse.log",
    benchmark:
        f"{RESULTS}/benchmarks/gather_multiverse.tsv"
    conda:
        "../../environment.yml"
    params:
        **GRID,
        benchmarks=BENCHMARKS,
        code=code("gather_multiverse"),
    script:
        "../scripts/gather_multiverse.py"
