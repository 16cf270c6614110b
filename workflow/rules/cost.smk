rule project_costs:
    """Project what a lower error costs to train and to run."""
    input:
        curves=rules.fit_curves.output.curves,
        draws=rules.fit_curves.output.draws,
        benchmark_files=sources("benchmarks"),
        hardware=sources("hardware"),
        prices=source(config["cost"]["prices"]),
        grid=source(config["cost"]["grid"]),
        constants=source(config["cost"]["constants"]),
    output:
        projections=report(
            f"{RESULTS}/projections/projections.csv",
            category="Projections",
            labels={"table": "training"},
            caption="../report/project_costs.rst",
        ),
        running=report(
            f"{RESULTS}/projections/running.csv",
            category="Projections",
            labels={"table": "running"},
            caption="../report/project_costs.rst",
        ),
        scenario=f"{RESULTS}/projections/scenario.json",
    log:
        f"{RESULTS}/logs/project_costs.log",
    benchmark:
        f"{RESULTS}/benchmarks/project_costs.tsv"
    conda:
        "../../environment.yml"
    params:
        benchmarks=BENCHMARKS,
        basis=config["headline_basis"],
        level=config["fit"]["level"],
        device=config["cost"]["device"],
        year=config["cost"]["year"],
        places=config["cost"]["places"],
        home=config["cost"]["home_device"],
        predictions_per_day=config["cost"]["predictions_per_day"],
        seed=config["seed"],
        code=code("project_costs"),
    script:
        "../scripts/project_costs.py"
