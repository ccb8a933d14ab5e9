# `make` lists the targets. The first one sets up .venv, from Python >= 3.10 alone.
PYTHON ?= python3
SCALE ?= lite
ARGS ?=
BIN := .venv/bin
READY := .venv/ready
.DEFAULT_GOAL := help
.PHONY: help book pdf notebooks data test check-book benchmarks gpu lint clean

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

book: $(READY)  ## the book: run what has changed, build the HTML (SCALE=smoke|lite|medium|large|paper, ARGS='-p NAME VALUE')
	$(BIN)/python book/build.py -p scale $(SCALE) $(ARGS)

pdf: book  ## the book as one PDF, build/_build/html/ganod.pdf, printed by Chromium; its front page then links it
	$(BIN)/python book/pdf.py

notebooks: $(READY)  ## build/notebooks/*.ipynb, ready for papermill or Jupyter
	$(BIN)/python book/build.py --convert

data: $(READY)  ## download MNIST, CIFAR-10, the GAAL tables and AlexNet to $GANOD_DATA, or to the user's cache folder
	$(BIN)/python -m ganod_study data

test: $(READY)  ## the tests, but for those in the browser (ARGS='-k NAME')
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal $(ARGS)

check-book: $(READY)  ## look at the built book in Chromium, offline, on a wide and on a narrow screen
	$(BIN)/python -m pytest -m browser tests/test_book.py $(ARGS)

benchmarks: $(READY)  ## measure speed here, 12 minutes with nothing else running (ARGS='--device cuda')
	for name in search floor scaling training grid; do $(BIN)/python -m benchmarks.$$name $(ARGS) || exit; done
	if $(BIN)/python -c 'import pyod' 2> /dev/null; \
	then for name in gaal anogan; do $(BIN)/python -m benchmarks.$$name $(ARGS) || exit; done; \
	else echo "left out: gaal and anogan, which compare with PyOD ($(BIN)/pip install pyod)"; fi

LIMIT ?= 1500
gpu: $(READY)  ## on a GPU: its tests, the benchmarks and cells of Table 1 into build/gpu, in LIMIT=1500 seconds
	$(BIN)/python -m benchmarks.gpu --time-limit $(LIMIT) $(ARGS)

lint: $(READY)  ## ruff's lint and format, mypy's strict mode for ganod_lite
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:  ## remove build, with your results in build/results, and the pages made; book/results, .venv and the data stay
	rm -rf build book/notebooks book/status.md

# .venv/ready is touched last and removed first: a .venv without it was never finished and is made anew.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 10) or sys.exit("Python 3.10 or newer is needed, \
	and $(PYTHON) is %d.%d: make PYTHON=/path/to/newer/python" % v[:2])'
	test -f $@ || $(PYTHON) -m venv --clear .venv
	rm -f $@
	$(BIN)/pip install --disable-pip-version-check -r requirements.lock
	$(BIN)/pip install --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@
