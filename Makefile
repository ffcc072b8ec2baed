# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Everything that is made lies in .build. Each Python and ansible-core has a virtual environment of its own there:
#   make test PYTHON=python3.11 ANSIBLE_CORE=2.16.19
PYTHON ?= python3
# Where nothing is said: the newest ansible-core that runs on that Python, see tests/tools/requirements.txt.
ANSIBLE_CORE ?=
export PYTHON ANSIBLE_CORE
CORES ?=
CHECKS ?=
# More words for one check: make units ARGS=tests/unit/plugins/module_utils/test__plan.py
ARGS ?=

tools := tests/tools
in_venv := $(tools)/in-venv.sh
collection := ansible_collections/platform9/pcd
# The tests, the benchmarks and their helpers are packages of the collection, which is imported from the tree.
in_tree := $(in_venv) env PYTHONPATH=$(CURDIR)/.build/tree

# The longest one first, the others beside it, where this make can keep their output apart.
checks := contract controller docs-test faults lint awx types integration ee certify units docs sanity bandit docs-lint
side_by_side := $(if $(filter output-sync,$(.FEATURES)),--jobs=2 --output-sync=target)

# What words.py reads: these use none of the old words.
plain_english := README.md awx docs/docsite/extra-docs.yml docs/sphinx meta

.DEFAULT_GOAL := help
.PHONY: help demo bench test test-core test-faults test-load test-matrix $(checks) audit awx-live build venv docs-screenshots sandbox sandbox-stop sandbox-test release-notes lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: venv ## Show the collection at work on a real Keystone and Glance
	@$(in_venv) $(tools)/with-sandbox.sh demo demo/run.sh

bench: build ## Measure tasks, lists and uploads beside other programs: make bench ARGS=--quick for a few minutes
	@TOOLS=bench $(in_tree) $(tools)/with-sandbox.sh bench python benchmarks/run.py \
	    --tree .build/tree --kept .build/openstack-cloud $(ARGS)

test: venv ## Run everything that CI checks
	@$(MAKE) --no-print-directory --keep-going $(side_by_side) $(checks)
	@echo "== All checks passed"

lint: venv ## Check style and format of Python, YAML and shell scripts
	@echo "== $@"
	@$(in_venv) ruff check --quiet .
	@$(in_venv) ruff format --check --quiet .
	@$(in_venv) yamllint --strict .
	@git ls-files -co --exclude-standard '*.sh' .ci | xargs $(in_venv) shellcheck
	@$(in_venv) python $(tools)/words.py $(plain_english)

bandit: ## Look for weaknesses in the code of the plugins
	@echo "== $@"
	@TOOLS=audit $(in_venv) bandit --quiet --configfile pyproject.toml --recursive plugins $(ARGS)

audit: ## Look for known weaknesses in the pinned packages (asks PyPI, so that it is no part of test)
	@TOOLS=audit $(in_venv) python $(tools)/audit.py $(ARGS)

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
	@$(in_tree) $(tools)/with-sandbox.sh contract pytest -q .build/tree/$(collection)/tests/system/contract $(ARGS)

controller: build ## Compare tasks within the controller with the same tasks as modules
	@echo "== $@"
	@$(in_tree) $(tools)/with-sandbox.sh controller pytest -q .build/tree/$(collection)/tests/system/controller $(ARGS)

faults: build ## Let requests fail and kill runs: a part of the table of faults
	@echo "== $@"
	@$(in_tree) $(tools)/with-sandbox.sh faults pytest -q .build/tree/$(collection)/tests/system/faults $(ARGS)

test-faults: build ## Play the whole table of faults, and write its figures into the guide (up to 45 minutes)
	@$(in_tree) $(tools)/with-sandbox.sh test-faults \
	    python .build/tree/$(collection)/tests/system/faults/whole_table.py --figures docs/docsite/rst/guide_faults.rst \
	    --lock tests/sandbox/requirements.lock $(ARGS)

integration: build ## Run the integration targets on a sandbox of their own
	@echo "== $@"
	@$(in_venv) $(tools)/with-sandbox.sh integration $(tools)/integration.sh $(ARGS)

test-matrix: build ## Run the integration targets on older releases of Glance, too: make test-matrix ARGS='zed 2024.1'
	@$(in_tree) python tests/sandbox/matrix.py $(ARGS)

test-load: build ## Work on 2,000 images with 10 forks, and upload 50 at once: make test-load ARGS='--images 200 --as-modules'
	@$(in_tree) $(tools)/with-sandbox.sh load env ANSIBLE_COLLECTIONS_PATH=$(CURDIR)/.build/tree python tests/system/load/load.py $(ARGS)

test-core: venv ## Run units, sanity and integration on every line of ansible-core: make test-core CORES=2.16.19 CHECKS=units
	@$(in_venv) $(tools)/with-sandbox.sh core env CORES="$(CORES)" CHECKS="$(CHECKS)" $(tools)/test-core.sh

docs: build ## Build the documentation site in .build/docs; warnings and dead links are errors
	@echo "== $@"
	@TOOLS=docs $(in_venv) $(tools)/docs.sh

docs-screenshots: docs ## Take pictures of its pages with chromium, wide and narrow, to be looked at
	@$(tools)/screenshots.sh $(ARGS)

docs-test: build ## Follow README, guides and examples on a sandbox of their own
	@echo "== $@"
	@$(in_tree) $(tools)/with-sandbox.sh docs-test pytest -q .build/tree/$(collection)/tests/system/docs $(ARGS)

docs-lint: build ## Check the documentation and the changelog
	@echo "== $@"
	@cd .build/tree/$(collection) && $(CURDIR)/$(in_venv) antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs=all .
	@cd .build/tree/$(collection) && $(CURDIR)/$(in_venv) antsibull-changelog lint

awx: build ## Run the jobs of AWX as AWX runs them, on a sandbox of their own
	@echo "== $@"
	@TOOLS=awx $(in_venv) $(tools)/awx-collection.sh
	@TOOLS=awx $(in_tree) AWX_COLLECTION=$(CURDIR)/.build/awx-collection $(tools)/with-sandbox.sh awx \
	    pytest -q .build/tree/$(collection)/tests/system/awx $(ARGS)

ee: build ## Build the execution environment with ansible-builder and podman, and run jobs in it (as root, with podman)
	@echo "== $@"
	@TOOLS=awx $(in_venv) tests/system/ee/run.sh $(ARGS)

# By hand only. PCD_PROJECT_SCM_URL and the variables of an RC file (OS_AUTH_URL and so on) come from the environment, too.
awx-live: build ## Try all of awx/ on a real AWX: make awx-live CONTROLLER_HOST=... CONTROLLER_OAUTH_TOKEN=...
	@TOOLS=awx $(in_venv) $(tools)/awx-collection.sh
	@TOOLS=awx $(in_tree) AWX_COLLECTION=$(CURDIR)/.build/awx-collection \
	    python .build/tree/$(collection)/tests/system/awx/live.py

certify: build ## Check what Galaxy and its certification ask for
	@echo "== $@"
	@TOOLS=certify $(in_venv) env REPOSITORY=$(CURDIR) pytest -q tests/certify $(ARGS)

build: venv ## Build the artefact, and the tree of its files and the tests
	@$(in_venv) $(tools)/tree.sh

venv: ## Make the virtual environment of PYTHON and ANSIBLE_CORE
	@$(in_venv)

sandbox: ## Start a Keystone and a Glance to try things on
	@$(PYTHON) tests/sandbox/sandbox.py up

sandbox-stop: ## Stop them
	@$(PYTHON) tests/sandbox/sandbox.py down

release-notes: build ## Bring the fragments of the changelog into CHANGELOG.rst, for the version in galaxy.yml
	@$(in_venv) $(tools)/release-notes.sh

sandbox-test: venv ## Check the sandbox itself (minutes, and only of interest where it changes)
	@$(in_venv) pytest -q tests/sandbox

lock: ## Renew the pins of the tools
	@$(tools)/lock.sh

clean: sandbox-stop ## Remove everything that was made
	rm -rf .build
