FIGURES = [
    *(f"compute_error_{benchmark}" for benchmark in BENCHMARKS),
    "overview",
    "error_by_year",
    "compute_growth",
    "contributions",
    "gain_shares",
    *(f"waterfall_{i + 1}" for i in range(len(config["decompose"]["pairs"]))),
    "hardware_trends",
    "efficiency",
    "projections",
    "backtest",
    "multiverse",
    "theory",
]


rule draw_figures:
    """Draw every figure as SVG, PNG and PDF."""
    input:
        records=rules.check_corpus.output.records,
        exponents=rules.fit_power_laws.output.exponents,
        fits=rules.fit_power_laws.output.fits,
        trend_table=rules.decompose_compute.output.trend_table,
        gains=rules.decompose_gains.output.gains,
        gains_by_year=rules.decompose_gains.output.yearly,
        gain_pairs=rules.decompose_gains.output.gain_pairs,
        hardware_trends=rules.fit_trends.output.hardware_table,
        efficiency=rules.fit_trends.output.efficiency_table,
        efficiency_points=rules.fit_trends.output.efficiency_series,
        projections=rules.project_costs.output.projections,
        scores=rules.backtest_forecasts.output.scores,
        scores_by_year=rules.backtest_forecasts.output.scores_by_year,
        learning_curves=rules.simulate_theory.output.learning_curves,
        overtaking=rules.simulate_theory.output.overtaking,
        specifications=rules.gather_multiverse.output.specifications,
        benchmark_files=sources("benchmarks"),
        hardware=sources("hardware"),
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
