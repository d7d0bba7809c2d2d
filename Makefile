# What one can do here. `make` alone lists it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

GO      ?= go
BIN     := bin/partita
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X github.com/partita-dev/partita.version=$(VERSION)

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

.PHONY: build
build: ## Build the static binary bin/partita
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/partita

.PHONY: run
run: build ## Build, and serve the shop of examples/shop from ./partita-data
	@$(BIN) serve examples/shop/shop.yaml

.PHONY: setup
setup: ## Install what the tests need and this machine lacks
	@scripts/setup.sh

.PHONY: fmt
fmt: ## Format all Go files
	gofmt -w $$(git ls-files '*.go')

.PHONY: lint
lint: ## Check formatting, then run go vet and golangci-lint
	@scripts/lint.sh

.PHONY: test
test: setup lint ## The whole check: format, vet, lint, all tests with the race detector
	$(GO) run ./internal/tools/gotest -race -timeout 12m ./...

.PHONY: drills
drills: setup build ## Break the shop of the examples in every way, with each store: 4 minutes
	$(GO) run ./internal/tools/drills -partita $(BIN)

.PHONY: fuzz
fuzz: setup ## Fuzz every parser, a minute in all (FUZZ_SECONDS for more)
	@scripts/fuzz.sh

.PHONY: vulncheck
vulncheck: ## Look for known faults in what Partita stands on; needs vuln.go.dev
	$(GO) run golang.org/x/vuln/cmd/govulncheck@v1.9.0 ./...

.PHONY: soak
soak: setup ## The long forms of the tests: hours, not minutes
	PARTITA_SOAK=1 $(GO) run ./internal/tools/gotest -race -timeout 12h ./...

.PHONY: bench
bench: build ## Measure against floors and peers; writes bench/RESULTS.md
	cd bench && $(GO) run . -partita ../$(BIN) -out RESULTS.md

.PHONY: clean
clean: ## Remove what was built; data stays
	rm -rf bin build
