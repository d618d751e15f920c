# make demo     the main job on this machine, then runs/demo/report.html
# make check    lint, then every test that starts no process; the quick half
# make test     lint, then every test; what CI runs
# make results  the demo's methods with three seeds, in runs/results
# make reproduce  tables and figures that lack a record, at the quick scale, without faces
# make from-scratch  all from digits and VGG-16 alone: 35 minutes
# make soak     all tests of devices; stops each command fifty times
# make fuzz     10,000 damaged files of every kind that is read, in 3 GB
# make lint     ruff's checks and its formatter's
# make install  .venv alone, for the commands in README.md
# make clean    removes .venv and caches, and leaves runs/
# Each of them first makes .venv and installs into it; nothing outside this
# folder changes. Another interpreter: make test PYTHON=/path/to/python3.12

CANDIDATES := python3.12 python3.11 python3 python3.13 python3.14
IS_RECENT := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in $(CANDIDATES); do \
  if $$p -c '$(IS_RECENT)' >/dev/null 2>&1; then echo $$p; break; fi; done)
VENV := .venv
INSTALLED := $(VENV)/installed
RUN := $(VENV)/bin/python

.PHONY: demo check test soak fuzz lint results reproduce from-scratch install clean help
.DEFAULT_GOAL := help

help:
	@sed -n 's/^# make/make/p' Makefile

# The stamp is newer than setup.py after an install that worked.
$(INSTALLED): setup.py
	@if [ -z "$(PYTHON)" ]; then \
	  echo "Needs Python >= 3.11; found $$(python3 --version 2>&1) on PATH." \
	    "Install it, or name one: make PYTHON=/path/to/python3.12" >&2; \
	  exit 1; fi
	@if ! $(PYTHON) -c '$(IS_RECENT)'; then \
	  echo "Needs Python >= 3.11; $(PYTHON) is" \
	    "$$($(PYTHON) --version 2>&1)." >&2; exit 1; fi
	@if ! $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null; then \
	  echo "$(PYTHON) cannot make a virtual environment: its venv module" \
	    "is missing (Debian and Ubuntu: install python3-venv)." >&2; \
	  exit 1; fi
	[ -x $(RUN) ] || $(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $(INSTALLED)

install: $(INSTALLED)

demo: $(INSTALLED)
	$(RUN) experiments/demo.py --workdir=runs/demo --minutes=12

results: $(INSTALLED)
	$(RUN) experiments/demo.py --workdir=runs/results --seeds=0,1,2

# More: make reproduce FLAGS='--only=table_2 --scale=full --data_dir=mnist'
reproduce: $(INSTALLED)
	$(RUN) experiments/reproduce.py $(FLAGS)

from-scratch: $(INSTALLED)
	$(RUN) experiments/from_scratch.py

lint: $(INSTALLED)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

check: lint
	$(RUN) -m pytest -m 'not processes' -n auto --dist worksteal

test: lint
	$(RUN) -m pytest -n auto --dist worksteal

soak: $(INSTALLED)
	XLA_FLAGS=--xla_force_host_platform_device_count=8 \
	  $(RUN) -m pytest tests/processes/parallel_cases.py
	PYTHONPATH=tests $(RUN) -m processes.soak

# More: make fuzz FLAGS='--rounds=100000 --seed=7'
fuzz: $(INSTALLED)
	PYTHONPATH=tests $(RUN) -m processes.fuzz $(FLAGS)

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
