rule check_claims:
    """Hold published claims against our results."""
    input:
        claims=source(config["claims"]),
        records=rules.check_corpus.output.records,
        exponents=rules.fit_power_laws.output.exponents,
        sensitivity=rules.fit_power_laws.output.sensitivity,
        curves=rules.fit_curves.output.curves,
        pairs=rules.decompose_compute.output.pair_table,
        trends=rules.decompose_compute.output.trend_table,
        gains=rules.decompose_gains.output.gains,
        hardware_trends=rules.fit_trends.output.hardware_table,
        efficiency=rules.fit_trends.output.efficiency_table,
        projections=rules.project_costs.output.projections,
        theory_exponents=rules.simulate_theory.output.exponents,
        overtaking=rules.simulate_theory.output.overtaking,
        benchmark_files=sources("benchmarks"),
        hardware=sources("hardware"),
        prices=source(config["cost"]["prices"]),
        grid=source(config["cost"]["grid"]),
        constants=source(config["cost"]["constants"]),
    output:
        ledger=report(
            f"{RESULTS}/claims/claims.csv",
            category="Claims",
            labels={"table": "ledger"},
            caption="../report/check_claims.rst",
        ),
        answers=report(
            f"{RESULTS}/claims/answers.csv",
            category="Claims",
            labels={"table": "answers under each choice"},
            caption="../report/check_claims.rst",
        ),
    log:
        f"{RESULTS}/logs/check_claims.log",
    benchmark:
        f"{RESULTS}/benchmarks/check_claims.tsv"
    conda:
        "../../environment.yml"
    params:
        basis=config["headline_basis"],
        level=config["fit"]["level"],
        seed=config["seed"],
        code=code("check_claims"),
    script:
        "../scripts/check_claims.py"
