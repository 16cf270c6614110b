rule fit_curves:
    """Fit competing forms of compute against error and draw them many times."""
    input:
        records=rules.check_corpus.output.records,
        benchmark_files=sources("benchmarks"),
    output:
        curves=report(
            f"{RESULTS}/projections/curves.csv",
            category="Projections",
            labels={"table": "curves"},
            caption="../report/fit_curves.rst",
        ),
        draws=f"{RESULTS}/projections/draws.parquet",
    log:
        f"{RESULTS}/logs/fit_curves.log",
    benchmark:
        f"{RESULTS}/benchmarks/fit_curves.tsv"
    conda:
        "../../environment.yml"
    params:
        benchmarks=BENCHMARKS,
        basis=config["headline_basis"],
        min_papers=config["fit"]["min_papers"],
        level=config["fit"]["level"],
        error_sd_decades=config["fit"]["error_sd_decades"],
        n_draws=config["forecast"]["draws"],
        seed=config["seed"],
        code=code("fit_curves"),
    script:
        "../scripts/fit_curves.py"


rule backtest_forecasts:
    """Score earlier forecasts, ours and published ones, against what came."""
    input:
        records=rules.check_corpus.output.records,
        benchmark_files=sources("benchmarks"),
        published=source(config["forecast"]["published"]),
    output:
        scores=report(
            f"{RESULTS}/backtest/scores.csv",
            category="Backtest",
            labels={"table": "scores by model"},
            caption="../report/backtest_forecasts.rst",
        ),
        scores_by_year=report(
            f"{RESULTS}/backtest/scores_by_year.csv",
            category="Backtest",
            labels={"table": "scores by year fitted to"},
            caption="../report/backtest_forecasts.rst",
        ),
        predictions=report(
            f"{RESULTS}/backtest/predictions.csv",
            category="Backtest",
            labels={"table": "every prediction"},
            caption="../report/backtest_forecasts.rst",
        ),
        published_scores=report(
            f"{RESULTS}/backtest/published_scores.csv",
            category="Backtest",
            labels={"table": "published forecasts of compute"},
            caption="../report/backtest_forecasts.rst",
        ),
        published_dates=report(
            f"{RESULTS}/backtest/published_dates.csv",
            category="Backtest",
            labels={"table": "published forecasts of a year"},
            caption="../report/backtest_forecasts.rst",
        ),
    log:
        f"{RESULTS}/logs/backtest_forecasts.log",
    benchmark:
        f"{RESULTS}/benchmarks/backtest_forecasts.tsv"
    conda:
        "../../environment.yml"
    params:
        benchmarks=BENCHMARKS,
        basis=config["headline_basis"],
        min_papers=config["forecast"]["min_papers"],
        min_later_papers=config["forecast"]["min_later_papers"],
        error_sd_decades=config["fit"]["error_sd_decades"],
        n_draws=config["forecast"]["backtest_draws"],
        seed=config["seed"],
        code=code("backtest_forecasts"),
    script:
        "../scripts/backtest_forecasts.py"
