rule fit_power_laws:
    """Fit compute against error for each benchmark, basis and direction."""
    input:
        records=rules.check_corpus.output.records,
    output:
        exponents=report(
            f"{RESULTS}/fits/exponents.csv",
            category="Exponents",
            labels={"table": "exponents"},
            caption="../report/fit_power_laws.rst",
        ),
        left_out=report(
            f"{RESULTS}/fits/leave_one_paper_out.csv",
            category="Exponents",
            labels={"table": "without each paper"},
            caption="../report/fit_power_laws.rst",
        ),
        sensitivity=report(
            f"{RESULTS}/fits/sensitivity.csv",
            category="Exponents",
            labels={"table": "by choice of records and peak rate"},
            caption="../report/fit_power_laws.rst",
        ),
        fits=report(
            directory(f"{RESULTS}/fits/models"),
            patterns=["{name}.json"],
            category="Exponents",
            subcategory="Stored fits",
            labels={"fit": "{name}"},
            caption="../report/fit_power_laws.rst",
        ),
    log:
        f"{RESULTS}/logs/fit_power_laws.log",
    benchmark:
        f"{RESULTS}/benchmarks/fit_power_laws.tsv"
    conda:
        "../../environment.yml"
    params:
        benchmarks=BENCHMARKS,
        bases=BASES,
        min_papers=config["fit"]["min_papers"],
        replicates=config["fit"]["bootstrap_replicates"],
        level=config["fit"]["level"],
        error_sd_decades=config["fit"]["error_sd_decades"],
        seed=config["seed"],
        code=code("fit_power_laws"),
    script:
        "../scripts/fit_power_laws.py"
