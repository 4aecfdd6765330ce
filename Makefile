# `make book` and `make test` are all that you need; the README gives the plain commands.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NEW_ENOUGH := import sys; sys.version_info >= (3, 11) or sys.exit("The book needs Python \
  3.11 or newer. Name one, as in: make book PYTHON=python3.12")
PIP := $(BIN)/python -m pip --disable-pip-version-check -q
WITH_NODE := PATH="$(CURDIR)/$(BIN):$$PATH"
WORKERS ?= 2
ONE_THREAD := OMP_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1
# PyTorch's build for CUDA may warn, on a machine without one, at the first backward pass.
NO_GPU := PYTHONWARNINGS="ignore:CUDA initialization:UserWarning"
# The torch that `make colab` installs; TORCH=torch==2.13.0 where the newest is too large.
TORCH ?= torch

.DEFAULT_GOAL := book
.PHONY: book test unit notebooks site execute serve bench lint clean repository
.PHONY: colab package wheel links release picture pdf findings

# An environment that broke off (Debian without python3-venv) must not look like one.
$(BIN)/python:
	@$(PYTHON) -c '$(NEW_ENOUGH)'
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

# A second run of a target installs nothing: these files remember what was installed.
$(VENV)/.book: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing what the pages need ..."
	$(PIP) install -c constraints.txt -e ".[book]"
	@touch $@

$(VENV)/.test: $(VENV)/.book
	@echo "Installing PyTorch, TensorFlow, JAX and the test tools ..."
	$(PIP) install -c constraints.txt -e ".[torch,tensorflow,jax,test]"
	@touch $@

$(VENV)/.lint: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install -c constraints.txt -e ".[lint]"
	@touch $@

$(VENV)/.pdf: $(VENV)/.book
	$(PIP) install -c constraints.txt -e ".[pdf]"
	@touch $@

$(VENV)/.package: $(VENV)/.book
	$(PIP) install -c constraints.txt -e ".[package]"
	@touch $@

node_modules/.installed: package.json package-lock.json $(VENV)/.book
	@echo "Fetching KaTeX and Mermaid ..."
	$(WITH_NODE) npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

book: $(VENV)/.book node_modules/.installed
	$(WITH_NODE) $(BIN)/jupyter-book build . -W --keep-going -q
	@echo "The book is at file://$(CURDIR)/_build/html/index.html"

# Each part runs, whatever became of those before it; the last lines say how it went.
test: $(VENV)/.test
	@failed=0; said=; \
	for part in unit notebooks site; do \
	  start=$$(date +%s); word=passed; \
	  $(MAKE) $$part || { word=FAILED; failed=1; }; \
	  line=$$(printf '%-9s  %s  %5d s' $$part $$word $$(($$(date +%s) - start))); \
	  said="$$said$$line\n"; \
	done; \
	printf "\n$$said"; exit $$failed

# A thread of OpenMP that waits gives its core to the other worker instead of spinning.
unit: $(VENV)/.test
	OMP_WAIT_POLICY=passive $(BIN)/python -m pytest tests --ignore tests/site -n $(WORKERS) --dist worksteal

# One thread for each worker: with more they wait for each other's cores, 1.7 times as long.
notebooks: $(VENV)/.test
	$(ONE_THREAD) $(NO_GPU) $(BIN)/python -m pytest --nbval --nbval-sanitize-with tests/nbval_sanitize.cfg \
	  --nbval-current-env -p no:warnings -p tests.forked_kernels -n $(WORKERS) \
	  --dist loadscope book

# Those that visit all pages come first in the alphabet, so that no worker ends with them.
site: $(VENV)/.test book
	$(BIN)/python -m pytest tests/site -n $(WORKERS) --dist loadfile --no-loadscope-reorder

# It reads what it has printed, and leaves a file only where the whole book is in it.
pdf: $(VENV)/.pdf book
	$(BIN)/python tools/pdf.py

execute: $(VENV)/.test
	$(BIN)/python tools/execute.py $(NOTEBOOKS)

serve: book
	$(BIN)/python -m http.server --directory _build/html 8000

bench: $(VENV)/.test
	$(BIN)/python -m benchmarks.losses
	$(BIN)/python -m benchmarks.optimizers
	$(BIN)/python -m benchmarks.linear_cross_entropy
	$(BIN)/python -m benchmarks.options
	$(BIN)/python -m benchmarks.memory
	$(BIN)/python -m benchmarks.nan_rule

lint: $(VENV)/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check setup.py lossbook tests benchmarks book/_ext tools
	$(BIN)/mypy
	$(BIN)/nb-clean check -o -c -n --preserve-cell-metadata-field tags \
	  --preserve-cell-metadata-field mystnb $(shell git ls-files 'book/*.ipynb')

# What strangers meet; none of it is part of `make test`: it installs, or needs a network.
colab: $(VENV)/.book
	$(BIN)/python tools/colab.py --torch "$(TORCH)" $(NOTEBOOKS)

package: $(VENV)/.package
	rm -rf dist
	$(BIN)/python -m build --quiet
	$(BIN)/twine check --strict dist/*

wheel: package
	$(BIN)/python tools/installed.py --workers $(WORKERS) $(TESTS)

links: book
	$(BIN)/python tools/links.py

# RELEASING.md says when. TAG=v1.2.3 also holds the version against a tag.
release: $(VENV)/.book
	$(BIN)/python tools/release.py check $(TAG)

picture: $(VENV)/.test book
	$(BIN)/python tools/picture.py

# Each finding makes and removes an environment of its own; FINDINGS="a b" runs only those.
findings:
	bash findings/run.sh $(FINDINGS)

repository: $(VENV)/.book
	$(BIN)/python tools/repository.py $(URL)

clean:
	rm -rf _build build dist .colab .wheel .pytest_cache .mypy_cache .ruff_cache .hypothesis
