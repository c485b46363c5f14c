# Each target does all its set-up on a fresh machine: Python 3.11 or later and this checkout are enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.made

.PHONY: demo test proof lint yml clean

# One environment for all: the package in place, and its test tools, at the versions of constraints.txt.
$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[fast,test]'
	touch $@

demo: $(STAMP)
	$(BIN)/python tests/end_to_end/demo.py

test: $(STAMP) lint
	$(BIN)/python -m pytest -n 2 --dist loadfile

proof: $(STAMP)
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
