# The workshop. `make help` lists what it can do; each line below its target is all there is to it.

SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
export UV_CUSTOM_COMPILE_COMMAND := make lock

.DEFAULT_GOAL := help
.PHONY: help setup demo test check chaos trial fmt bench lock clean

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 16

setup: .venv/.dev ## Set up everything for working on Posthouse in .venv

demo: .venv/.runtime ## Show a cluster of three servers on this machine (about a minute)
	@$(BIN)/python -m posthouse.cli demo

test: .venv/.dev ## Check and test everything, on SQLite and PostgreSQL (needs root, or what it names, installed)
	@scripts/debian chromium:chromium pg_virtualenv:postgresql unzip:unzip faketime:faketime ip:iproute2 nft:nftables \
		slapd:slapd ldbadd:ldb-tools samba:samba samba:samba-ad-dc samba:samba-dsdb-modules \
		samba:samba-vfs-modules samba:samba-ad-provision samba:winbind samba:python3-samba
	@scripts/test

check: .venv/.dev ## Check style, types, the direction of imports, templates and migrations
	@scripts/check

chaos: .venv/.dev ## Kill processes of a cluster at random while packages travel (ARGS="--minutes 10 --seed 7")
	@$(BIN)/python -m tests.acceptance.chaos $(ARGS)

trial: .venv/.dev ## Break lines, disks, clocks and databases while a package travels, as root (ARGS="all", or --rounds 20 --seed 7 all)
	@scripts/debian nft:nftables faketime:faketime mkfs.ext4:e2fsprogs ip:iproute2
	@$(BIN)/python -m tests.acceptance.trial $(ARGS)

fmt: .venv/.dev ## Lay out the code as the checks want it
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

# From the command line only: some systems keep a NAME in the environment.
bench: .venv/.dev ## Measure beside others on this machine (make bench NAME=upload for one figure)
	@scripts/debian nginx:nginx-light pg_virtualenv:postgresql slapd:slapd ldapsearch:ldap-utils openssl:openssl \
		ip:iproute2 gcc:gcc curl:curl rclone:rclone rsync:rsync /usr/sbin/sshd:openssh-server \
		globus-gridftp-server:globus-gridftp-server-progs globus-url-copy:globus-gass-copy-progs
	@$(BIN)/python -m benchmarks $(if $(filter command,$(origin NAME)),$(NAME))

lock: .cache/tools ## Resolve the requirements anew (make lock ARGS=--upgrade for the newest versions)
	.cache/tools/bin/uv pip compile $(ARGS) -q --universal --python-version 3.11 --generate-hashes --no-annotate \
		pyproject.toml -o requirements.lock
	.cache/tools/bin/uv pip compile $(ARGS) -q --universal --python-version 3.11 --generate-hashes --no-annotate \
		--group dev -c requirements.lock -o requirements-dev.lock
	.cache/tools/bin/uv pip compile $(ARGS) -q --universal --python-version 3.11 --generate-hashes --no-annotate \
		requirements-build.in -o requirements-build.lock

clean: ## Remove what the other commands have made
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist

.cache/tools: requirements-build.lock scripts/setup
	@PYTHON=$(PYTHON) scripts/setup tools
	@touch $@

.venv/.runtime: .cache/tools requirements.lock pyproject.toml
	@PYTHON=$(PYTHON) scripts/setup runtime
	@touch $@

.venv/.dev: .venv/.runtime requirements-dev.lock
	@PYTHON=$(PYTHON) scripts/setup dev
	@touch $@
