# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Everything is created in .build. Each combination of Python and ansible-core has a virtual environment there:
#   make test PYTHON=python3.11 ANSIBLE_CORE=2.16.19
PYTHON ?= python3
# If empty, the newest ansible-core that runs on this Python; see tests/tools/requirements.txt.
ANSIBLE_CORE ?=
export PYTHON ANSIBLE_CORE
CORES ?=
CHECKS ?=
# More arguments for one check: make units ARGS=tests/unit/plugins/module_utils/_image/test_plan.py
ARGS ?=
# Another folder for everything that is created, a new or an empty one: make test BUILD=/var/tmp/pcd. From then on, .build
# leads there.
BUILD ?=

ifneq ($(words $(CURDIR)),1)
$(error This folder has a blank in its path ($(CURDIR)), which make cannot work with. Move the clone to another one)
endif
ifneq ($(BUILD),)
build_folder := $(shell tests/tools/build-folder.sh use '$(BUILD)' 2>&1)
ifneq ($(build_folder),ok)
$(error $(build_folder))
endif
endif

tools := tests/tools
in_venv := $(tools)/in-venv.sh
collection := ansible_collections/platform9/pcd
# The tests, the benchmarks and their helpers are packages of the collection, which is imported from the tree.
in_tree := $(in_venv) env PYTHONPATH=$(CURDIR)/.build/tree

# The contract in two parts of similar length, each with a sandbox of its own.
contract := .build/tree/$(collection)/tests/system/contract
contract_data := $(patsubst %,$(contract)/test_%.py,conversion data download import_filter writing)

# The longest ones first, and three at a time if this make can keep their output apart: for two processors, since a check
# with a sandbox waits for nearly half of its time.
checks := contract-data contract-rest controller docs-test faults lint awx types integration ee demo page certify units docs sanity bandit docs-lint
side_by_side := $(if $(filter output-sync,$(.FEATURES)),--jobs=3 --output-sync=target)

# What words.py reads.
plain_english := .github CONTRIBUTING.md Makefile README.md awx benchmarks changelogs demo docs meta playbooks plugins tests

.DEFAULT_GOAL := help
.PHONY: help bench contract test test-core test-faults test-load test-matrix test-production $(checks) audit awx-live build venv docs-screenshots page-pictures sandbox sandbox-stop sandbox-test release-notes lock clean

##@ Use

help: ## Show this list
	@awk -F ':.*## ' '/^##@ / { printf "\n%s\n", substr($$0, 5) } \
	    /^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: build ## Show the collection at work on a real Keystone and Glance (2 minutes)
	@echo "== $@"
	@$(in_venv) $(tools)/with-sandbox.sh demo demo/run.sh

sandbox: ## Start a real Keystone and Glance on 127.0.0.1, to try things by hand (90 seconds the first time, then 6)
	@$(PYTHON) tests/sandbox/sandbox.py up

sandbox-stop: ## Stop them
	@$(PYTHON) tests/sandbox/sandbox.py down

docs: build ## Build the documentation site in .build/docs; warnings and dead links are errors (1 minute)
	@echo "== $@"
	@TOOLS=docs $(in_venv) $(tools)/docs.sh

build: venv ## Build the artefact in .build/dist, and the tree that the tests use (a few seconds)
	@$(in_venv) $(tools)/tree.sh

##@ Check

test: venv ## Run all checks, three at a time: what CI runs (35 to 60 minutes)
	@$(tools)/all-checks.sh $(MAKE) --no-print-directory --keep-going $(side_by_side) $(checks)

lint: venv ## Check style, format and words of Python, YAML, shell scripts and documents (10 seconds)
	@echo "== $@"
	@$(in_venv) ruff check --quiet .
	@$(in_venv) ruff format --check --quiet .
	@$(in_venv) yamllint --strict .
	@$(tools)/files.sh '*.sh' .ci | xargs -0 $(in_venv) shellcheck
	@$(in_venv) python $(tools)/words.py $(plain_english)
	@$(in_venv) python $(tools)/functions.py plugins

types: build ## Check the types (20 seconds, the first time a minute)
	@echo "== $@"
	@cd .build/tree && $(CURDIR)/$(in_venv) mypy --config-file $(collection)/pyproject.toml $(collection)/plugins $(collection)/tests $(collection)/benchmarks

units: build ## Run the unit tests (4 to 8 minutes; ARGS='-k test_patch' for some)
	@echo "== $@"
	@$(in_venv) $(tools)/units.sh $(ARGS)

contract: build ## Test the modules on a sandbox: check mode, writes and number of requests (25 to 40 minutes)
	@echo "== $@"
	@$(in_tree) $(tools)/with-sandbox.sh contract pytest -q $(contract) $(ARGS)

contract-data: build ## The part of contract that is about the data of images (15 to 25 minutes)
	@echo "== $@"
	@$(in_tree) $(tools)/with-sandbox.sh contract-data pytest -q $(contract_data) $(ARGS)

contract-rest: build ## The other part of contract (10 to 15 minutes)
	@echo "== $@"
	@$(in_tree) $(tools)/with-sandbox.sh contract-rest pytest -q $(contract) $(addprefix --ignore=,$(contract_data)) $(ARGS)

controller: build ## Compare tasks within the controller with the same tasks as modules (10 minutes)
	@echo "== $@"
	@$(in_tree) $(tools)/with-sandbox.sh controller pytest -q .build/tree/$(collection)/tests/system/controller $(ARGS)

integration: build ## Run the integration targets on a sandbox (5 minutes)
	@echo "== $@"
	@$(in_venv) $(tools)/with-sandbox.sh integration $(tools)/integration.sh $(ARGS)

faults: build ## Run a part of the table of faults (5 to 10 minutes)
	@echo "== $@"
	@$(in_tree) $(tools)/with-sandbox.sh faults pytest -q .build/tree/$(collection)/tests/system/faults $(ARGS)

awx: build ## Run the AWX jobs as AWX runs them, on a sandbox (5 minutes)
	@echo "== $@"
	@TOOLS=awx $(in_venv) $(tools)/awx-collection.sh
	@TOOLS=awx $(in_tree) AWX_COLLECTION=$(CURDIR)/.build/awx-collection REPOSITORY=$(CURDIR) $(tools)/with-sandbox.sh awx \
	    pytest -q .build/tree/$(collection)/tests/system/awx $(ARGS)

ee: build ## Build the execution environment and run jobs in it (as root, with podman; first 13 minutes, then 2)
	@echo "== $@"
	@TOOLS=awx $(in_venv) tests/system/ee/run.sh $(ARGS)

docs-test: build ## Follow README, guides and examples on a sandbox (10 minutes)
	@echo "== $@"
	@$(in_tree) $(tools)/with-sandbox.sh docs-test pytest -q .build/tree/$(collection)/tests/system/docs $(ARGS)

docs-lint: build ## Check the documentation of the modules and the changelog (10 seconds)
	@echo "== $@"
	@cd .build/tree/$(collection) && $(CURDIR)/$(in_venv) antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs=all .
	@cd .build/tree/$(collection) && $(CURDIR)/$(in_venv) antsibull-changelog lint

page: build ## Write the report page, and click in it (1 minute; a part needs chromium)
	@echo "== $@"
	@$(in_tree) pytest -q -rs .build/tree/$(collection)/tests/system/page $(ARGS)

sanity: build ## Run the sanity tests of ansible-test (3 to 8 minutes)
	@echo "== $@"
	@$(in_venv) $(tools)/ansible-test.sh sanity $(ARGS)

bandit: ## Search the plugins for security weaknesses (10 seconds)
	@echo "== $@"
	@TOOLS=audit $(in_venv) bandit --quiet --configfile pyproject.toml --recursive plugins $(ARGS)

certify: build ## Check the requirements of Galaxy and its certification (1 minute)
	@echo "== $@"
	@TOOLS=certify $(in_venv) env REPOSITORY=$(CURDIR) pytest -q tests/certify $(ARGS)

##@ Slow

test-core: venv ## Run units, sanity and integration on each ansible-core (15 minutes for each; CORES=2.16.19 CHECKS=units for some)
	@$(in_venv) $(tools)/with-sandbox.sh core env CORES="$(CORES)" CHECKS="$(CHECKS)" $(tools)/test-core.sh

test-faults: build ## Run the whole table of faults, and write its figures into the guide (an hour)
	@$(in_tree) $(tools)/with-sandbox.sh test-faults \
	    python .build/tree/$(collection)/tests/system/faults/whole_table.py --figures docs/docsite/rst/guide_faults.rst \
	    --lock tests/sandbox/requirements.lock $(ARGS)

test-production: build ## Run integration, contract, races, faults and stores on MariaDB and HAProxy (80 minutes; ARGS=races for some)
	@$(in_venv) env PCD_SANDBOX_PRODUCTION=1 $(tools)/with-sandbox.sh production $(tools)/production.sh $(ARGS)

test-matrix: build ## Run the integration targets on older releases of Glance (30 minutes; ARGS='zed 2024.1' for some)
	@$(in_tree) python tests/sandbox/matrix.py $(ARGS)

test-load: build ## Create, change and remove 2,000 images with 10 forks (30 minutes; ARGS='--images 200' for less)
	@$(in_tree) $(tools)/with-sandbox.sh load env ANSIBLE_COLLECTIONS_PATH=$(CURDIR)/.build/tree python tests/system/load/load.py $(ARGS)

bench: build ## Measure tasks, lists and uploads beside other programs (30 minutes; ARGS=--quick: 6)
	@TOOLS=bench $(in_tree) $(tools)/with-sandbox.sh bench python benchmarks/run.py \
	    --tree .build/tree --kept .build/openstack-cloud $(ARGS)

# By hand only. PCD_PROJECT_SCM_URL and the variables of an RC file (OS_AUTH_URL and so on) come from the environment.
awx-live: build ## Try all of awx/ on a real AWX (CONTROLLER_HOST=... CONTROLLER_OAUTH_TOKEN=...)
	@TOOLS=awx $(in_venv) $(tools)/awx-collection.sh
	@TOOLS=awx $(in_tree) AWX_COLLECTION=$(CURDIR)/.build/awx-collection \
	    python .build/tree/$(collection)/tests/system/awx/live.py

##@ Maintain

audit: ## Search the pinned packages for known vulnerabilities (1 minute; asks PyPI, so it is not a part of test)
	@TOOLS=audit $(in_venv) python $(tools)/audit.py $(ARGS)

docs-screenshots: docs ## Take screenshots of the documentation with chromium, wide and narrow
	@$(tools)/screenshots.sh $(ARGS)

page-pictures: build ## Take the pictures of the report page for the guide, with chromium
	@$(in_tree) python .build/tree/$(collection)/tests/system/page/pictures.py docs/docsite/rst/images

release-notes: build ## Move the changelog fragments to CHANGELOG.rst, for the version in galaxy.yml
	@$(in_venv) $(tools)/release-notes.sh

sandbox-test: venv ## Test the sandbox itself (minutes; only if it has changed)
	@$(in_venv) pytest -q tests/sandbox

lock: ## Update the pinned versions of the tools
	@$(tools)/lock.sh

venv: ## Create the virtual environment of PYTHON and ANSIBLE_CORE (1 minute)
	@$(in_venv)

clean: sandbox-stop ## Remove everything in .build
	@$(tools)/build-folder.sh remove
