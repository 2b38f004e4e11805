# Thin: everything is an Invoke task (.venv/bin/inv --list). What is here sets the virtual environment up and
# keeps the names people know.
.DEFAULT_GOAL := help
PYTHON ?= $(shell command -v python3.11 || command -v python3)
INV := .venv/bin/inv
INSTALLED := .venv/.installed

.PHONY: help up down demo test test-nodes sweep check bench lock clean
help: ## this list
	@grep -hE '^[a-z%-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /	/' | expand -t 12

up: $(INSTALLED) ## the sandbox, and RStudio on it
	@$(INV) cluster.up
	@$(INV) k8s.all-up --context allup-sandbox

down: $(INSTALLED) ## RStudio down; its data, and the sandbox, stay
	@$(INV) k8s.all-down --context allup-sandbox

demo: $(INSTALLED) ## ARL, computing on a real node, and where to click (Linux, root)
	@$(INV) cluster.build --nodes real
	@$(INV) images.build dask
	@$(INV) cluster.up --name demo --nodes real
	@image=$$($(INV) images.load dask --into sandbox:demo) && \
		$(INV) arl.all-up --context allup-demo --docker-image $$image --worker-replicas 2 --forward
	@echo "Log in with what this prints: $(INV) arl.secrets jupyter --reveal password --context allup-demo"
	@echo "All of it ends with: $(INV) cluster.delete --name demo"

test: $(INSTALLED) ## every tier this machine can run, and a sample of the sweeps
	@$(INV) cluster.build
	@.venv/bin/python -m pytest -n auto --maxprocesses 4 --dist loadfile

test-nodes: $(INSTALLED) ## what needs real containers: Linux, root, and the packages inv cluster.doctor names
	@$(INV) cluster.build --nodes real || test $$? = 2  # where it is impossible, each test says so and is skipped
	@.venv/bin/python -m pytest -m nodes tests/nodes

sweep: $(INSTALLED) ## every kill point and pair of faults, of which test takes a sample
	@$(INV) cluster.build
	@.venv/bin/python -m pytest -m sweep -n auto --maxprocesses 4 --dist worksteal

check: $(INSTALLED) ## format, lint, types, layers
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports

bench: $(INSTALLED) ## beside kubectl, in one run
	@.venv/bin/python -m bench

lock: $(INSTALLED) ## renew the locked requirements
	@.venv/bin/pip-compile -q --upgrade --generate-hashes --strip-extras --no-header --no-emit-options \
		--no-emit-index-url --no-emit-trusted-host --no-emit-find-links -o requirements.txt pyproject.toml
	@.venv/bin/pip-compile -q --upgrade --generate-hashes --strip-extras --no-header --no-emit-options \
		--no-emit-index-url --no-emit-trusted-host --no-emit-find-links --allow-unsafe --extra dev \
		-o requirements-dev.txt pyproject.toml

clean: ## remove the virtual environment and caches of this checkout
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# The names of the old Makefile: k8s-setup, k8s-nfs-up, k8s-ldap-all-up, …
.PHONY: k8s-ldap-all-up k8s-ldap-all-down k8s-nfs-launcher-mounts k8s-launcher-conf k8s-launcher-k8s-conf \
	k8s-launcher-k8s-prof-conf
k8s-ldap-all-up: k8s-all-up
k8s-ldap-all-down: k8s-all-down
# They made ConfigMaps by hand, which come with the launcher and the server now.
k8s-nfs-launcher-mounts k8s-launcher-conf k8s-launcher-k8s-conf k8s-launcher-k8s-prof-conf: k8s-launcher-up
k8s-%: $(INSTALLED)
	@$(INV) k8s.$*

# The names of ARL's Makefile: k8s_deploy, k8s_delete_worker, docker_build, … Variables on the command line, such
# as WORKER_REPLICAS=3 and DOCKER_IMAGE=…, are settings; make hands them on.
.PHONY: checkvars namespace delete_namespace
k8s_% docker_%: $(INSTALLED)
	@$(INV) arl.$(subst _,-,$@)
checkvars: $(INSTALLED)
	@$(INV) arl.settings
# The first all-up makes it, so that its policy is right from the first object on; --purge removes it.
namespace: arl-plan
delete_namespace: $(INSTALLED)
	@$(INV) arl.all-down --purge
arl-%: $(INSTALLED)
	@$(INV) arl.$*

# The names of QED's scripts, without .sh: qed-start, qed-stop, qed-volume-start, qed-service-start, qed-deploy-start.
qed-%: $(INSTALLED)
	@$(INV) qed.$*

# inv writes no bytecode, so what it would compile at every start is compiled here.
$(INSTALLED): requirements-dev.txt
	@test -n "$(PYTHON)" || { echo "allup needs Python 3.11 or newer: install it, or name it with PYTHON=…"; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "$(PYTHON) is too old: allup needs Python 3.11 or newer; name one with PYTHON=…"; exit 2; }
	@echo "Setting up .venv (once; about a minute) …"
	@$(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@PYTHONDONTWRITEBYTECODE= .venv/bin/python -m compileall -q allup tasks k8s
	@touch $@
