FIGURES = [
    *(f"compute_error_{benchmark}" for benchmark in BENCHMARKS),
    "overview",
    "error_by_year",
    "compute_growth",
]


rule draw_figures:
    """Draw every figure as SVG, PNG and PDF."""
    input:
        records=rules.check_corpus.output.records,
        exponents=rules.fit_power_laws.output.exponents,
        fits=rules.fit_power_laws.output.fits,
        trend_table=rules.decompose_compute.output.trend_table,
        benchmark_files=sources("benchmarks"),
    output:
        figures=[
            report(
                f"{RESULTS}/figures/{name}.svg",
                category="Figures",
                labels={"figure": name.replace("_", " ")},
                caption="../report/draw_figures.rst",
            )
            for name in FIGURES
        ]
        + collect(
            f"{RESULTS}/figures/{{name}}.{{kind}}", name=FIGURES, kind=["png", "pdf"]
        ),
    log:
        f"{RESULTS}/logs/draw_figures.log",
    benchmark:
        f"{RESULTS}/benchmarks/draw_figures.tsv"
    conda:
        "../../environment.yml"
    threads: 2
    params:
        benchmarks=BENCHMARKS,
        basis=config["headline_basis"],
        level=config["fit"]["level"],
        code=code("draw_figures"),
    script:
        "../scripts/draw_figures.py"
