# Each target does all its set-up on a fresh machine: Python 3.11 or later and this checkout are enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.made

.PHONY: demo test proof lint yml clean reference

# One environment for all: the package in place, and its test tools, at the versions of constraints.txt.
$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[fast,test]'
	touch $@

# Source Extractor itself, which morphology is held against; where it cannot be installed those tests skip and say so.
reference:
	@command -v source-extractor >/dev/null || { sudo=; [ $$(id -u) = 0 ] || sudo="sudo -n"; \
	$$sudo apt-get install -qq -y source-extractor >/dev/null 2>&1 || \
	{ $$sudo apt-get update -qq && $$sudo apt-get install -qq -y source-extractor; } >/dev/null 2>&1; } || \
	echo "source-extractor (apt install source-extractor) is not here: its tests will skip" >&2

demo: $(STAMP)
	$(BIN)/python tests/end_to_end/demo.py

test: $(STAMP) lint reference
	$(BIN)/python -m pytest -n 2 --dist loadfile

proof: $(STAMP) reference
	$(BIN)/python tests/proof.py

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

# The yml beside the models is generated: run this after changing a cut, a column or a model's list.
yml: $(STAMP)
	$(BIN)/python -c "from galaxiesml.curation.project import write_rendered; print(*write_rendered(), sep='\n')"
	$(BIN)/ruff format -q .

clean:
	rm -rf $(VENV) demo .pytest_cache .ruff_cache .import_linter_cache
