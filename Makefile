# What a developer runs. `make check` is what a change must pass; `make generate` rewrites what is generated.
PYTHON := .venv/bin/python
UV := .venv/bin/uv

.PHONY: help check lint test test-compiled generate failures changelog lock bench profile soak billing sbom

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

check: lint test  ## everything a change must pass without a cluster

lint:  ## format, lint, types, import contracts
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports --no-cache

test:  ## the tests that need no cluster
	./test

test-compiled:  ## the proxy's tests again, on the form that images hold (a C compiler needed)
	./test --compiled

generate: lock  ## CRDs, chart files, reference pages and requirements, from their sources
	PYTHONPATH=tests $(PYTHON) -m architecture.generated --write

failures:  ## docs/reference/failures.md, from a run of the failure matrix
	WRITE_FAILURES=1 ./test -n 0 tests/failures/test_matrix.py

changelog:  ## CHANGELOG.md from docs/changes, for VERSION=x.y.z
	.venv/bin/towncrier build --version $(VERSION)

lock:  ## uv.lock from pyproject.toml, keeping what is locked
	$(UV) lock

bench:  ## measure beside other gateways (about an hour), and write docs/reference/performance.md
	bench/run --rounds 5 --page docs/reference/performance.md

soak:  ## half an hour of load and random faults, and write docs/reference/soak.md
	bench/run soak --minutes 30 --seed 1 --page docs/reference/soak.md

sbom:  ## dist/sbom: CycloneDX of what each kind of installation holds
	$(PYTHON) -m hatchling build --target wheel --directory dist
	packaging/release/build-sboms $(PYTHON) dist/*.whl dist/sbom

billing:  ## ten thousand calls, faults and kills; the ledger beside the invoices, and docs/reference/billing.md
	bench/run billing --calls 10000 --seed 1 --page docs/reference/billing.md

profile:  ## flame graphs of plain calls and of streams, outside the tree
	bench/run profile
