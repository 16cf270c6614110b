"""Run the task of the same name on this rule's files and settings."""

import sys

from scalelaw import tasks

settings = {**snakemake.input, **snakemake.output, **snakemake.params}
del settings["code"]  # there to rerun the rule when the library changes
sys.exit(tasks.run("write_manifest", snakemake.log[0], **settings))
