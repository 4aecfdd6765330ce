# `make book` and `make test` are all that you need; the README gives the plain commands.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q
WITH_NODE := PATH="$(CURDIR)/$(BIN):$$PATH"
WORKERS ?= 2
ONE_THREAD := OMP_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1
# The torch that `make colab` installs; TORCH=torch==2.13.0 where the newest is too large.
TORCH ?= torch

.DEFAULT_GOAL := book
.PHONY: book test unit notebooks site execute serve bench lint clean repository
.PHONY: colab package wheel links findings

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# A second run of a target installs nothing: these files remember what was installed.
$(VENV)/.book: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing what the pages need ..."
	$(PIP) install -c constraints.txt -e ".[book]"
	@touch $@

$(VENV)/.test: $(VENV)/.book
	@echo "Installing PyTorch, TensorFlow and the test tools ..."
	$(PIP) install -c constraints.txt -e ".[torch,tensorflow,test]"
	@touch $@

$(VENV)/.package: $(VENV)/.book
	$(PIP) install -c constraints.txt -e ".[package]"
	@touch $@

node_modules/.installed: package.json package-lock.json $(VENV)/.book
	@echo "Fetching KaTeX and Mermaid ..."
	$(WITH_NODE) npm ci --ignore-scripts --no-audit --no-fund --silent
	@touch $@

book: $(VENV)/.book node_modules/.installed
	$(WITH_NODE) $(BIN)/jupyter-book build . -W --keep-going -q
	@echo "The book is at file://$(CURDIR)/_build/html/index.html"

test: unit notebooks site

unit: $(VENV)/.test
	$(BIN)/python -m pytest tests --ignore tests/site -n $(WORKERS) --dist worksteal

# One thread for each worker: with more they wait for each other's cores, 1.7 times as long.
notebooks: $(VENV)/.test
	$(ONE_THREAD) $(BIN)/python -m pytest --nbval --nbval-sanitize-with tests/nbval_sanitize.cfg \
	  --nbval-current-env -p no:warnings -n $(WORKERS) --dist loadscope book

site: $(VENV)/.test book
	$(BIN)/python -m pytest tests/site

execute: $(VENV)/.test
	$(BIN)/python book/_tools/execute.py $(NOTEBOOKS)

serve: book
	$(BIN)/python -m http.server --directory _build/html 8000

bench: $(VENV)/.test
	$(BIN)/python -m benchmarks.losses
	$(BIN)/python -m benchmarks.optimizers
	$(BIN)/python -m benchmarks.linear_cross_entropy

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check lossbook tests benchmarks book/_ext book/_tools
	$(BIN)/mypy
	$(BIN)/nb-clean check -o -c -n --preserve-cell-metadata-field tags \
	  --preserve-cell-metadata-field mystnb $(shell git ls-files 'book/*.ipynb')

# What strangers meet; none of it is part of `make test`: it installs, or needs a network.
colab: $(VENV)/.book
	$(BIN)/python book/_tools/colab.py --torch "$(TORCH)" $(NOTEBOOKS)

package: $(VENV)/.package
	rm -rf dist
	$(BIN)/python -m build --quiet
	$(BIN)/twine check --strict dist/*

wheel: package
	$(BIN)/python book/_tools/installed.py --workers $(WORKERS) $(TESTS)

links: book
	$(BIN)/python book/_tools/links.py

# Each finding makes and removes an environment of its own; FINDINGS="a b" runs only those.
findings:
	bash findings/run.sh $(FINDINGS)

repository: $(VENV)/.book
	$(BIN)/python book/_tools/repository.py $(URL)

clean:
	rm -rf _build build dist .colab .wheel .pytest_cache .mypy_cache .ruff_cache .hypothesis
