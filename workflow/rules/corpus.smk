rule check_corpus:
    """Check every row of the corpus; derive error and compute of each record."""
    input:
        papers=sources("papers"),
        hardware=sources("hardware"),
        benchmarks=sources("benchmarks"),
    output:
        records=report(
            f"{RESULTS}/corpus/records.csv",
            category="Corpus",
            labels={"table": "records"},
            caption="../report/check_corpus.rst",
        ),
        parquet=f"{RESULTS}/corpus/records.parquet",
        excluded=report(
            f"{RESULTS}/corpus/excluded.csv",
            category="Corpus",
            labels={"table": "records outside the fits"},
            caption="../report/check_corpus.rst",
        ),
        waived=report(
            f"{RESULTS}/corpus/waived.csv",
            category="Corpus",
            labels={"table": "waived warnings"},
            caption="../report/check_corpus.rst",
        ),
        problems=report(
            f"{RESULTS}/corpus/problems.csv",
            category="Corpus",
            labels={"table": "warnings"},
            caption="../report/check_corpus.rst",
        ),
    log:
        f"{RESULTS}/logs/check_corpus.log",
    benchmark:
        f"{RESULTS}/benchmarks/check_corpus.tsv"
    conda:
        "../../environment.yml"
    params:
        analyse=BENCHMARKS,
        bases=BASES,
        exclude_scopes=config["corpus"]["exclude_scopes"],
        code=code("check_corpus"),
    script:
        "../scripts/check_corpus.py"
