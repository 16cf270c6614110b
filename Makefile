# `make` runs the workflow, `make test` the tests; both set up .venv first if need be.
.PHONY: all test setup generated check lock coverage clean

all:
	@./run

test:
	@./run test

setup:
	@./run setup

# Write the code book, the data package and the configuration reference from their schemas, and the
# first figure of README and documentation from the corpus.
generated: setup
	./run exec python -m scalelaw.corpus.codebook > data/README.md
	./run exec python -m scalelaw.corpus.datapackage > data/datapackage.json
	./run exec python -m scalelaw.config > config/README.md
	./run exec python docs/overview.py docs/overview.svg

# What continuous integration checks besides the tests.
check: setup
	./run exec ruff check .
	./run exec ruff format --check .
	./run exec mypy
	./run exec snakefmt --check Snakefile workflow
	./run exec snakemake --lint
	./run exec sphinx-build -q -W --keep-going docs docs/_build/html

# Resolve the newest versions that pyproject.toml allows.
lock: setup
	./run exec uv pip compile --quiet --upgrade --universal --python-version 3.11 --group dev \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header \
	  pyproject.toml --output-file requirements.lock

# Lines and branches of the library that tests reach, jobs of the workflow included. One test limits
# the size of files, and coverage's own would be cut.
coverage: setup
	./run exec coverage run -m pytest -q --ignore tests/cluster --ignore tests/browser \
	  --deselect tests/workflow/test_interruption.py::test_without_room_the_run_says_so_and_goes_on_when_there_is_some
	./run exec coverage combine --quiet
	./run exec coverage report --skip-covered --sort miss

clean:
	rm -rf results .snakemake docs/_build
