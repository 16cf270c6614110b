rule write_report:
    """Write the self-contained HTML report."""
    input:
        records=rules.check_corpus.output.records,
        excluded=rules.check_corpus.output.excluded,
        problems=rules.check_corpus.output.problems,
        waived=rules.check_corpus.output.waived,
        exponents=rules.fit_power_laws.output.exponents,
        left_out=rules.fit_power_laws.output.left_out,
        sensitivity=rules.fit_power_laws.output.sensitivity,
        pair_table=rules.decompose_compute.output.pair_table,
        trend_table=rules.decompose_compute.output.trend_table,
        figures=[f"{RESULTS}/figures/{name}.svg" for name in FIGURES],
        benchmark_files=sources("benchmarks"),
        sources=[*sources("papers"), *sources("hardware")],
        citation=of_checkout("CITATION.cff"),
    output:
        html=report(
            f"{RESULTS}/report.html",
            category="Report",
            labels={"document": "report"},
            caption="../report/write_report.rst",
        ),
    log:
        f"{RESULTS}/logs/write_report.log",
    benchmark:
        f"{RESULTS}/benchmarks/write_report.tsv"
    conda:
        "../../environment.yml"
    params:
        benchmarks=BENCHMARKS,
        basis=config["headline_basis"],
        level=config["fit"]["level"],
        replicates=config["fit"]["bootstrap_replicates"],
        min_papers=config["fit"]["min_papers"],
        seed=config["seed"],
        code=code("write_report"),
    script:
        "../scripts/write_report.py"
