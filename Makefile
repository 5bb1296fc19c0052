# Two commands do everything on a machine with Python 3.11+ and make: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# BLAS threads spin between beats: one per process (see README, "Speed").
export OPENBLAS_NUM_THREADS ?= 1
export OMP_NUM_THREADS ?= 1

.PHONY: demo patterns test browser check bench accept setup clean

# Once more where there is a compiler now that was not there then: botkit/media/native.py
setup: $(READY)
	@if { command -v cc || command -v gcc; } >/dev/null && ! $(BIN)/python -c 'from botkit.media import native; exit(not native.BUILT)' 2>/dev/null; then \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'; fi

$(READY): pyproject.toml $(wildcard botkit/media/native/*)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "botkit needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.12"; exit 2; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  v=$$($(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
	  echo "This Python cannot make virtual environments. Install its venv package, then try again:"; \
	  echo "  Debian, Ubuntu:  sudo apt-get install python$$v-venv"; \
	  echo "  Fedora:          sudo dnf install python3"; exit 2; }
	@echo "Setting up $(VENV) (once)…"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $(READY)

demo: $(READY)
	@$(BIN)/botkit run flows/clinic_ivr.yaml flows/clinic_caller.yaml --out out/demo

# Backends with the official SDK, and the calls that they steer: flows/patterns/README.md
patterns: $(READY)
	@$(BIN)/python flows/patterns/run.py

check: $(READY)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

test: $(READY)
	@$(BIN)/python tests/run_all.py

# What the tests in a real browser load: the official JS SDK, at the version of tests/browser/package-lock.json.
browser:
	@command -v npm >/dev/null || { echo "npm is missing; on Debian and Ubuntu: sudo apt-get install npm"; exit 2; }
	@cd tests/browser && npm ci --ignore-scripts --no-audit --no-fund
	@for b in chromium chromium-browser google-chrome; do command -v $$b >/dev/null && exit 0; done; \
	  echo "Chromium is missing; on Debian: sudo apt-get install chromium"; exit 2

bench: $(READY)
	@$(BIN)/python -m tests.load.bench --out out/bench.json

accept: $(READY)
	@$(BIN)/python -m pytest -m slow -n 0 --timeout 3600
	@$(BIN)/python -m tests.load.digits

clean:
	rm -rf $(VENV) out build *.egg-info
