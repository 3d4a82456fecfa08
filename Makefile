# Two commands: `make demo` and `make test`. Both make the virtual environment themselves.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.PHONY: demo test lint types imports unit mutants lock clean

demo: $(READY)
	@$(BIN)/rosterd demo

test: lint types imports unit

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

imports: $(READY)
	$(BIN)/lint-imports

# Four processes on two cores too: much of the time a test waits for a daemon, a deadline or the database. And images set
# PYTHONDONTWRITEBYTECODE to stay small: each of hundreds of processes would compile the whole program for itself.
unit: $(READY)
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -q -n 4 --dist worksteal

# About an hour of one core; WHAT="policy roles" tries these modules of reconciler/ again. mutmut is fetched for this only.
mutants: $(READY)
	@test -d .mutants/tool || $(BIN)/python -m pip install --quiet --disable-pip-version-check --target .mutants/tool mutmut==3.8.1
	@nice -n 15 $(BIN)/python bench/mutants.py $(WHAT)

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "rosterd needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	@echo "installing into $(VENV) (once; a minute or two)"
	@$(PYTHON) -m venv --clear $(VENV)
	@# --no-deps: the lock names everything, and pip wants a hash of its own for "pydantic[email]" beside "pydantic".
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	@$(BIN)/python -m pip check --quiet --disable-pip-version-check
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# Compiles the lock file anew from pyproject.toml; needs uv on the PATH.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --extra dev --extra trace --no-header \
	  --no-emit-index-url --no-emit-find-links pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --extra build --extra trace --no-header \
	  --no-emit-index-url --no-emit-find-links --no-annotate -c requirements.lock pyproject.toml -o deploy/requirements.lock

clean:
	rm -rf $(VENV) rosterd-demo .mypy_cache .ruff_cache .pytest_cache .hypothesis .mutants
