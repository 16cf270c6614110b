"""Run the task of the same name on this rule's files and settings."""

import sys

from scalelaw import tasks

if __name__ == "__main__":  # processes of the step import this file where they are not forked
    settings = {**snakemake.input, **snakemake.output, **snakemake.params}
    settings["threads"] = snakemake.threads
    del settings["code"]  # there to rerun the rule when the library changes
    sys.exit(tasks.run("simulate_theory", snakemake.log[0], **settings))
