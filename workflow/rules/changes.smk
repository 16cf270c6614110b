rule compare_runs:
    """Say what has changed since the run before."""
    input:
        records=rules.check_corpus.output.records,
        exponents=rules.fit_power_laws.output.exponents,
    output:
        counts=f"{RESULTS}/changes/counts.csv",
        changed_records=report(
            f"{RESULTS}/changes/records.csv",
            category="Changes",
            labels={"table": "records that changed"},
            caption="../report/compare_runs.rst",
        ),
        moved_exponents=report(
            f"{RESULTS}/changes/exponents.csv",
            category="Changes",
            labels={"table": "exponents that moved"},
            caption="../report/compare_runs.rst",
        ),
        history=update(f"{RESULTS}/changes/history.parquet"),
    log:
        f"{RESULTS}/logs/compare_runs.log",
    benchmark:
        f"{RESULTS}/benchmarks/compare_runs.tsv"
    conda:
        "../../environment.yml"
    params:
        code=code("compare_runs"),
    script:
        "../scripts/compare_runs.py"
