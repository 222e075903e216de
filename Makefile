# The commands a newcomer needs. Each one is a thin name for a script: `make` alone lists them.

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint docs bench clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install what is missing (Debian packages, npm packages) and build; safe to repeat
	@command -v node >/dev/null || { echo "Node.js 20.19 or newer is needed and 'node' was not found: install it from https://nodejs.org"; exit 1; }
	@node scripts/setup.mjs $(SETUP)

demo: setup ## train, validate, export and detect handwritten digits in under 8 minutes
	@node demo/dist/main.js

test: SETUP = --tests
test: setup ## run every test, those in a browser with Debian's Chromium
	@node scripts/test.mjs

lint: setup ## types, ESLint, formatting, and whether generated documentation is current
	@npm run --silent lint
	@node scripts/docs.mjs --check

docs: setup ## write the tables and drawings of docs/ that the program knows
	@node scripts/docs.mjs

bench: setup ## measure speed on this machine
	@npm run --silent bench

clean: ## remove what the build and the demo made (keeps node_modules)
	@rm -rf packages/*/dist packages/torch/build demo/dist examples/dist demo/data demo/runs demo/report.html
	@find packages demo examples -maxdepth 2 -name '*.tsbuildinfo' -not -path '*/node_modules/*' -delete
