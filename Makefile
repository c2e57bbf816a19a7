# make        set up .venv and run the default study       make quick  a small study, for a first look
# make report the default study, its failures and all pictures in one file to open in a browser
# make test   set up .venv and run all tests               make lint   formatting, lint, types
# make test-quick  the tests of every module, without those that are marked slow
# make branches  which branches of the code the quick tests take; kernels by some tests, as plain Python
# make numbers  what differs from the numbers kept in tests/regression; numbers-update keeps the new ones
# make bench  limits per second beside iminuit
# make bench-templates  recoils per second beside nestpy, precision of templates; a figure for docs/
# make bench-densities  histograms and kernel estimates beside quadrature; a figure for docs/
# make bench-agreement  simulation against quadrature, 100 million events per response
# make bench-inference  limits per second beside blueice, in an environment of its own
# make bench-scaling  time and memory against trials, masses, events, shapes, cores; docs/scaling.md
# make bench-simulated  coverage and best fits on datasets of simulated recoils; a figure for docs/
# make validation  published searches from their events, and projections, beside our limits; docs/validation.md
# make reliability  hostile input, damaged results, killed runs; docs/reliability.md
# make cluster-faults  a SLURM cluster on this machine on which things go wrong; half an hour
# make mutants  small changes of the code, each of which a test must see: hours
.DEFAULT_GOAL := run
PYTHON ?= python3
CORES  ?= all
RESULTS = $(shell sed -n 's/^results: *["'\'']*\([^"'\''\#]*[^"'\''\# ]\).*/\1/p' config/config.yaml)
# Elsewhere where the checkout's path has a space: make VENV=/path/to/venv
VENV   := .venv
BIN    := $(if $(filter /%,$(VENV)),$(VENV),$(CURDIR)/$(VENV))/bin

# Snakemake's jobs find the environment's programs first.
export PATH := $(BIN):$(PATH)

# Snakemake and the kernels keep files there, and Snakemake does not start without.
ifneq ($(shell d="$${XDG_CACHE_HOME:-$$HOME/.cache}"; mkdir -p "$$d" 2>/dev/null && test -w "$$d" && echo yes),yes)
export XDG_CACHE_HOME := $(CURDIR)/.snakemake/home
endif

$(VENV)/.ready: requirements.lock pyproject.toml tools/make_venv.sh
	@case "$(BIN)" in *" "*) echo "error: Snakemake does not quote the path of Python, and $(BIN) has a space:" \
	    "make VENV=/a/path/without/spaces" >&2; exit 1;; esac
	PYTHON="$(PYTHON)" bash tools/make_venv.sh $(VENV)
	$(VENV)/bin/python tools/compile_kernels.py
	touch $@

.PHONY: setup run quick report test test-quick branches numbers numbers-update lint architecture bench bench-templates bench-densities \
    bench-agreement bench-inference bench-scaling bench-simulated validation reliability cluster-faults mutants lock
setup: $(VENV)/.ready

# Snakemake prints the table itself, but not when there is nothing to be done; under make, make does.
run: setup
	snakemake --cores $(CORES)
	zeptobarn table --results "$(RESULTS)"

quick: setup
	snakemake --cores $(CORES) --configfile config/quick.yaml
	zeptobarn table --results results/quick

report: run
	snakemake --cores $(CORES) failures pictures
	snakemake all failures pictures --report "$(RESULTS)/report.html"

# One process per core; tests of one group share theirs, and with it what they are made from.
TESTS  = pytest -n auto --maxprocesses 4 --dist loadgroup
PYTEST = python -m $(TESTS)

test: setup
	$(PYTEST)

test-quick: setup
	$(PYTEST) -m "not slow"

branches: setup
	coverage erase
	coverage run -m $(TESTS) -m "not slow"
	NUMBA_DISABLE_JIT=1 coverage run -m $(TESTS) -p interpreted @tests/interpreted.txt
	coverage combine --quiet
	coverage report --skip-covered --sort=cover

numbers: run
	python tools/compare_numbers.py

numbers-update: run
	python tools/compare_numbers.py --update

architecture: setup
	python tools/draw_architecture.py

lint: setup
	ruff format --check
	ruff check
	snakefmt --check Snakefile workflow/rules
	mypy
	lint-imports --no-logo --no-cache
	python tools/draw_architecture.py --check
	python tools/lint_workflow.py

bench: setup
	python benchmarks/speed.py

bench-templates: setup
	python benchmarks/templates.py

bench-densities: setup
	python benchmarks/densities.py

bench-agreement: setup
	python benchmarks/agreement.py

.venv-blueice/.ready: benchmarks/peers/requirements.txt
	"$(PYTHON)" -m venv .venv-blueice
	.venv-blueice/bin/pip install --quiet --require-hashes -r $<
	touch $@

bench-inference: setup .venv-blueice/.ready
	python benchmarks/inference.py .venv-blueice/bin/python

bench-scaling: setup
	python benchmarks/scaling.py

bench-simulated: setup
	python benchmarks/simulated.py

validation: setup
	snakemake --cores $(CORES) observed --configfile config/xenon1t_sr0.yaml
	snakemake --cores $(CORES) observed --configfile config/lz_ws2022.yaml
	python tools/remaining_efficiency.py --check
	python benchmarks/validation.py
	python benchmarks/bands.py

reliability: setup
	python benchmarks/reliability.py

cluster-faults: setup
	bash tests/cluster/faults

.venv-mutants/.ready: benchmarks/mutants.txt
	"$(PYTHON)" -m venv .venv-mutants
	.venv-mutants/bin/pip install --quiet --require-hashes -r $<
	touch $@

mutants: setup .venv-mutants/.ready
	.venv-mutants/bin/python benchmarks/mutants.py "$(BIN)/python"

# Pins every dependency with its hashes; needs uv on the PATH.
lock:
	uv pip compile --universal --python-version 3.11 --fork-strategy fewest --generate-hashes --no-header \
	    pyproject.toml --extra workflow --group dev -o requirements.lock
