# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Everything that is made lies in .build. Each Python and ansible-core has a virtual environment of its own there:
#   make test PYTHON=python3.11 ANSIBLE_CORE=2.16.19
PYTHON ?= python3
# Where nothing is said: the newest ansible-core that runs on that Python, see tests/tools/requirements.txt.
ANSIBLE_CORE ?=
export PYTHON ANSIBLE_CORE
# More words for one check: make units ARGS=tests/unit/plugins/module_utils/test__plan.py
ARGS ?=

openstacksdk := 4.22.0
tools := tests/tools
in_venv := $(tools)/in-venv.sh
collection := ansible_collections/platform9/pcd
# They share the witness, the vendor and the nursery of the contract tests.
faults_path := $(CURDIR)/.build/tree:$(CURDIR)/.build/tree/$(collection)/tests/contract:$(CURDIR)/.build/tree/$(collection)/tests/faults

# The longest one first, the others beside it, where this make can keep their output apart.
checks := contract faults controller lint types integration units sanity docs-lint
side_by_side := $(if $(filter output-sync,$(.FEATURES)),--jobs=2 --output-sync=target)

.DEFAULT_GOAL := help
.PHONY: help demo bench test test-faults $(checks) build venv sandbox sandbox-stop sandbox-test lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: venv ## Show the collection at work on a real Keystone and Glance
	@$(in_venv) $(tools)/with-sandbox.sh demo demo/run.sh

bench: build ## Compare uploads with curl and openstacksdk: make bench ARGS='--size 4096 --rounds 3'
	@$(in_venv) pip install -qq --target .build/openstacksdk openstacksdk==$(openstacksdk)
	@$(in_venv) $(tools)/with-sandbox.sh bench \
	    env PYTHONPATH=$(CURDIR)/.build/tree:$(CURDIR)/.build/openstacksdk python benchmarks/upload.py $(ARGS)

test: venv ## Run everything that CI checks
	@$(MAKE) --no-print-directory --keep-going $(side_by_side) $(checks)
	@echo "== All checks passed"

lint: venv ## Check style and format of Python, YAML and shell scripts
	@echo "== $@"
	@$(in_venv) ruff check --quiet plugins tests benchmarks
	@$(in_venv) ruff format --check --quiet plugins tests benchmarks
	@$(in_venv) yamllint --strict .
	@git ls-files -co --exclude-standard '*.sh' .ci | xargs $(in_venv) shellcheck

types: build ## Check the types
	@echo "== $@"
	@cd .build/tree && ../../$(in_venv) mypy --config-file $(collection)/pyproject.toml $(collection)/plugins $(collection)/tests $(collection)/benchmarks

sanity: build ## Run the sanity tests of ansible-test
	@echo "== $@"
	@$(in_venv) $(tools)/ansible-test.sh sanity $(ARGS)

units: build ## Run the unit tests
	@echo "== $@"
	@$(in_venv) $(tools)/ansible-test.sh units $(ARGS)

contract: build ## Hold the modules to their promises on a sandbox of their own
	@echo "== $@"
	@$(in_venv) $(tools)/with-sandbox.sh contract env PYTHONPATH=$(CURDIR)/.build/tree \
	    pytest -q .build/tree/$(collection)/tests/contract $(ARGS)

controller: build ## Compare tasks within the controller with the same tasks as modules
	@echo "== $@"
	@$(in_venv) $(tools)/with-sandbox.sh controller env PYTHONPATH=$(CURDIR)/.build/tree \
	    pytest -q .build/tree/$(collection)/tests/controller $(ARGS)

faults: build ## Let requests fail and kill runs: a part of the table of faults
	@echo "== $@"
	@$(in_venv) $(tools)/with-sandbox.sh faults env PYTHONPATH=$(faults_path) pytest -q .build/tree/$(collection)/tests/faults $(ARGS)

test-faults: build ## Play the whole table of faults, and write its figures into the guide (up to 45 minutes)
	@$(in_venv) $(tools)/with-sandbox.sh test-faults env PYTHONPATH=$(faults_path) \
	    python .build/tree/$(collection)/tests/faults/play.py --figures docs/docsite/rst/guide_faults.rst \
	    --lock tests/sandbox/requirements.lock $(ARGS)

integration: build ## Run the integration targets on a sandbox of their own
	@echo "== $@"
	@$(in_venv) $(tools)/with-sandbox.sh integration $(tools)/integration.sh $(ARGS)

docs-lint: build ## Check the documentation and the changelog
	@echo "== $@"
	@cd .build/tree/$(collection) && $(CURDIR)/$(in_venv) antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs=all .
	@cd .build/tree/$(collection) && $(CURDIR)/$(in_venv) antsibull-changelog lint

build: venv ## Build the artefact, and the tree of its files and the tests
	@$(in_venv) $(tools)/tree.sh

venv: ## Make the virtual environment of PYTHON and ANSIBLE_CORE
	@$(in_venv)

sandbox: ## Start a Keystone and a Glance to try things on
	@$(PYTHON) tests/sandbox/sandbox.py up

sandbox-stop: ## Stop them
	@$(PYTHON) tests/sandbox/sandbox.py down

sandbox-test: venv ## Check the sandbox itself (minutes, and only of interest where it changes)
	@$(in_venv) pytest -q tests/sandbox

lock: ## Renew the pins of the tools
	@$(tools)/lock.sh

clean: sandbox-stop ## Remove everything that was made
	rm -rf .build
