rule simulate_theory:
    """Simulate the study's theory: models that know the variables against models of all of them."""
    output:
        learning_curves=report(
            f"{RESULTS}/theory/learning_curves.csv",
            category="Theory",
            labels={"table": "learning curves"},
            caption="../report/simulate_theory.rst",
        ),
        overtaking=report(
            f"{RESULTS}/theory/overtaking.csv",
            category="Theory",
            labels={"table": "overtaking points"},
            caption="../report/simulate_theory.rst",
        ),
        exponents=report(
            f"{RESULTS}/theory/exponents.csv",
            category="Theory",
            labels={"table": "exponents"},
            caption="../report/simulate_theory.rst",
        ),
    log:
        f"{RESULTS}/logs/simulate_theory.log",
    benchmark:
        f"{RESULTS}/benchmarks/simulate_theory.tsv"
    conda:
        "../../environment.yml"
    threads: 2
    params:
        variables=config["theory"]["variables"],
        relevant=config["theory"]["relevant"],
        noise_sds=config["theory"]["noise_sds"],
        sample_sizes=config["theory"]["sample_sizes"],
        replicates=config["theory"]["replicates"],
        folds=config["theory"]["folds"],
        growing_ratio=config["theory"]["growing_ratio"],
        growing_sizes=config["theory"]["growing_sizes"],
        level=config["fit"]["level"],
        bootstrap_replicates=config["fit"]["bootstrap_replicates"],
        seed=config["seed"],
        code=code("simulate_theory"),
    script:
        "../scripts/simulate_theory.py"
