# Forwards to the workflow proper, so that bare `snakemake` in the project's folder runs it.
include: "workflow/Snakefile"


rule scalelaw:
    """Make every result; the rule that runs by default."""
    default_target: True
    input:
        rules.all.input,
