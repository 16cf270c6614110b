rule write_manifest:
    """Write down what the results were made from, and their hashes."""
    input:
        outputs=[
            rules.check_corpus.output,
            rules.fit_power_laws.output,
            rules.decompose_compute.output,
            rules.decompose_gains.output,
            rules.fit_trends.output,
            rules.simulate_theory.output,
            rules.fit_curves.output,
            rules.backtest_forecasts.output,
            rules.project_costs.output,
            rules.check_claims.output,
            rules.gather_multiverse.input.chunks,
            rules.gather_multiverse.output,
            rules.compare_runs.output,
            rules.draw_figures.output,
            rules.write_report.output,
        ],
        inputs=INPUTS,
    output:
        manifest=report(
            f"{RESULTS}/manifest.json",
            category="Report",
            labels={"document": "manifest"},
            caption="../report/write_manifest.rst",
        ),
    log:
        f"{RESULTS}/logs/write_manifest.log",
    benchmark:
        f"{RESULTS}/benchmarks/write_manifest.tsv"
    conda:
        "../../environment.yml"
    params:
        settings=json.dumps(config, sort_keys=True),
        code=code("write_manifest"),
    script:
        "../scripts/write_manifest.py"
