# Each target does all its set-up on a fresh machine: Python 3.11 or later and this checkout are enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.made

.PHONY: demo test quick proof proof-gpu lint yml clean reference latex jvm

# One environment for all: the package in place, and its test tools, at the versions of constraints.txt.
$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[fast,test]'
	touch $@

# Source Extractor itself, which morphology is held against, and TOPCAT's command line, which reads exported tables;
# where one cannot be installed its tests skip and say so.
reference: PROGRAMS := source-extractor stilts
# What Spark runs on.
jvm: PROGRAMS := openjdk-17-jre-headless
reference jvm:
	@sudo=; [ $$(id -u) = 0 ] || sudo="sudo -n"; for name in $(PROGRAMS); do \
	command -v $$(echo $$name | sed s/^openjdk.*/java/) >/dev/null || { $$sudo apt-get install -qq -y $$name >/dev/null 2>&1 || \
	{ $$sudo apt-get update -qq && $$sudo apt-get install -qq -y $$name; } >/dev/null 2>&1; } || \
	echo "$$name (apt install $$name) is not here: its tests will skip" >&2; done

# What sets tables of LaTeX: 50 MB to fetch, 150 MB installed.
latex:
	@sudo=; [ $$(id -u) = 0 ] || sudo="sudo -n"; name=texlive-latex-recommended; \
	command -v pdflatex >/dev/null || { $$sudo apt-get install -qq -y --no-install-recommends $$name || \
	{ $$sudo apt-get update -qq && $$sudo apt-get install -qq -y --no-install-recommends $$name; }; } >/dev/null 2>&1 || \
	echo "pdflatex (apt install $$name) is not here: its test will skip" >&2

demo: $(STAMP)
	$(BIN)/python tests/end_to_end/demo.py

# A file of tests stays in one process, the slowest files first (tests/conftest.py).
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

# All tests, or those of a room: `make test PART=morphology`.
test: $(STAMP) lint reference
	$(PYTEST) --durations=20 $(if $(PART),tests/$(PART))

# What needs no build, and one build.
QUICK := test_pixels.py test_project.py cli/test_docs.py cli/test_resources.py cutouts/test_tar.py cutouts/test_layers.py \
	curation/test_portable_sql.py curation/test_schema.py curation/test_separation.py curation/test_traps.py \
	ingest/test_columns.py ingest/test_formats.py ingest/test_specz.py ingest/test_values.py \
	mock/test_sky_population_spectra.py mock/test_sky_tracts.py mock/test_truth.py \
	morphology/test_detect.py morphology/test_neighbours.py plots/test_lineage.py release/test_reading.py \
	release/test_tables.py spectra/test_spectra.py splits/test_audit.py splits/test_schemes.py \
	curation/test_build.py::test_files_that_differ_are_judged_each_on_its_own
quick: $(STAMP) lint
	$(PYTEST) $(addprefix tests/,$(QUICK))

# What reads HATS catalogues, and RAIL: large and slow to import, so in an environment of their own; where they cannot
# be installed their tests skip and say so.
READERS := .venv-readers
$(READERS)/.made: pyproject.toml constraints.txt
	test -x $(READERS)/bin/python || $(PYTHON) -m venv $(READERS)
	{ $(READERS)/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[hats,rail]' lsdb && \
	touch $@; } || echo "hats-import, lsdb and pz-rail-base are not in $(READERS): their tests will skip" >&2

# All of Spark, half a gigabyte, in an environment of its own; its tests skip where it or a JVM cannot be installed.
SPARK := .venv-spark
$(SPARK)/.made: pyproject.toml constraints.txt
	test -x $(SPARK)/bin/python || $(PYTHON) -m venv $(SPARK)
	{ $(SPARK)/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[spark]' && touch $@; } || \
	echo "pyspark is not in $(SPARK): its tests will skip" >&2

proof: $(STAMP) reference latex jvm $(READERS)/.made $(SPARK)/.made
	$(BIN)/python tests/proof.py

# On a machine with a GPU, with its own Python: PART=render FROM=population, then PART=speed, then PART=accuracy.
GPU_PYTHON ?= python3
FROM ?= population
proof-gpu:
	$(GPU_PYTHON) benchmarks/gpu.py $(PART) --from $(FROM) $(GPU)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

# The yml beside the models is generated: run this after changing a cut, a column or a model's list.
yml: $(STAMP)
	$(BIN)/python -c "from galaxiesml.curation.project import write_rendered; print(*write_rendered(), sep='\n')"
	$(BIN)/ruff format -q .

clean:
	rm -rf $(VENV) $(READERS) $(SPARK) demo .pytest_cache .ruff_cache .import_linter_cache
