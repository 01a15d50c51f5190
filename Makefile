# The short names for everything. What they do is in scripts/; `make help` lists them.

.DEFAULT_GOAL := help
.PHONY: help run build web test mesh chaos chaos-broken bench audit sbom docs fmt lint clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## Build everything (minutes the first time) and start Nexus at http://127.0.0.1:8080
	@scripts/run.sh

build: ## Build the web app and the release program without starting it
	@scripts/run.sh --build-only

web: ## Build the web app into frontend/out
	@scripts/web.sh

screenshots: ## Take screenshots of every page into docs/screenshots
	@scripts/screenshots.sh

test: ## Run every check: format, web app, lints, tests, client, browser
	@scripts/test.sh

mesh: ## Start the mesh on this machine: private Postgres and NATS, six processes (EXECUTORS=2 GATEWAYS=2)
	@scripts/mesh.sh

chaos: ## Kill, stop and restart processes under random workflows, then check what must hold (MINUTES=3 SEED= STORE=)
	@scripts/chaos.sh

chaos-broken: ## The same on programs that are broken on purpose: it must notice (builds them apart, which takes a while)
	@scripts/chaos.sh --broken

bench: ## Measure, and say on which machine
	@scripts/bench.sh

audit: ## Look for known vulnerabilities in what we build on (needs the network)
	@scripts/audit.sh

sbom: ## Write the bill of materials of what is shipped (CycloneDX) into target/
	@scripts/sbom.sh

docs: ## Build the documentation site into target/site
	@scripts/docs.sh

fmt: ## Format all code
	@cargo fmt --all
	@if [ -d frontend/node_modules ]; then npm --prefix frontend run --silent format; fi

lint: ## Lint all code
	@cargo fmt --all --check
	@cargo clippy --workspace --all-targets -- -D warnings
	@if [ -d frontend/node_modules ]; then npm --prefix frontend run --silent lint; fi

clean: ## Remove everything that was built
	@cargo clean
	@rm -rf frontend/out frontend/.next frontend/node_modules .mesh
