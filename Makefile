# Everything here is a short name for a command that also works by itself.

SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

MODULE := github.com/kubectl-upgrade/kubectl-upgrade
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT ?= $(shell git rev-parse HEAD 2>/dev/null)
# The reference that agent-image pushes to and that the plugin takes as its default.
AGENT_IMAGE ?=
# A kubectl that the lab builds for its basic cluster anyway; 1.26 is the first that completes plugins' arguments.
KUBECTL_VERSION := v1.34.4
# For images: platforms such as linux/amd64, releases of etcd such as 3.5,3.6, and a registry with a path.
PLATFORMS ?=
HOPS ?=
REGISTRY ?=
# Where the image of etcd-migrate is, which the plugin takes as its default for etcd's sake.
ETCD_MIGRATE_IMAGE ?=
# More for bench-etcd, such as --only=snapshot --runs=1.
BENCH ?=
TOPOLOGY ?= basic
NAME ?= $(TOPOLOGY)
SCENARIO ?= basic

STAMP := -X $(MODULE)/pkg/buildinfo.version=$(VERSION) -X $(MODULE)/pkg/buildinfo.commit=$(COMMIT) -X $(MODULE)/pkg/buildinfo.agentImage=$(AGENT_IMAGE) \
	-X $(MODULE)/pkg/buildinfo.etcdMigrateImage=$(ETCD_MIGRATE_IMAGE)
LAB := go -C hack/lab run .

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build bin/kubectl-upgrade, bin/host-agent and bin/etcd-migrate (VERSION, AGENT_IMAGE)
	CGO_ENABLED=0 go build -trimpath -ldflags '$(STAMP)' -o bin/kubectl-upgrade ./cmd/kubectl-upgrade
	CGO_ENABLED=0 GOOS=linux go build -trimpath -ldflags '-s -w $(STAMP)' -o bin/host-agent ./cmd/host-agent
	CGO_ENABLED=0 GOOS=linux go build -trimpath -ldflags '-s -w $(STAMP)' -o bin/etcd-migrate ./cmd/etcd-migrate

.PHONY: demo
demo: ## Upgrade a real cluster on this machine and watch it (Linux, root)
	go run ./test/e2e --scenario demo

.PHONY: test
test: ## Run everything that CI runs, real cluster included (Linux, root)
	bash .ci/run

.PHONY: test-unit
test-unit: ## Run the unit tests of both modules with the race detector
	go test -race ./...
	go -C hack/lab test -race ./...

.PHONY: lint
lint: ## Run golangci-lint over both modules
	hack/lint.sh

.PHONY: fmt
fmt: ## Format all Go code
	hack/lint.sh fmt

.PHONY: verify
verify: ## Check formatting, go vet, go.mod, quoted help texts and lint
	hack/verify.sh
	hack/lint.sh

.PHONY: docs
docs: ## Bring help texts, pages of commands and man pages up to date
	hack/verify-help.sh --write

.PHONY: agent-image
agent-image: build ## Put the agent in an image: push it to AGENT_IMAGE, or write dist/host-agent.tar
	@mkdir -p dist
	go run ./hack/image --image images/host-agent --binary bin/host-agent --version '$(VERSION)' --platform "linux/$$(go env GOARCH)" \
		$(if $(AGENT_IMAGE),--push '$(AGENT_IMAGE)',--tar dist/host-agent.tar)

.PHONY: images
images: ## Make both images for PLATFORMS in dist/images, or push them to REGISTRY; HOPS=3.5,3.6 for a thin one
	hack/images.sh --version '$(VERSION)' --ldflags '$(STAMP)' $(if $(PLATFORMS),--platforms '$(PLATFORMS)') $(if $(HOPS),--hops '$(HOPS)') $(if $(REGISTRY),--push '$(REGISTRY)')

.PHONY: dist
dist: ## Make the archives of a release in dist/release, and plugins.yaml with their sums (VERSION: default is the manifest's)
	go run ./hack/dist --agent-image '$(AGENT_IMAGE)' --etcd-migrate-image '$(ETCD_MIGRATE_IMAGE)' $(if $(filter command environment,$(firstword $(origin VERSION))),--version '$(VERSION)')

.PHONY: test-dist
test-dist: ## Install an archive with the real krew and run it through a real kubectl
	KUBECTL=$$($(LAB) build --kubernetes $(KUBECTL_VERSION))/kubectl go test -tags realkrew -timeout 20m ./test/dist

.PHONY: etcd-binaries
etcd-binaries: ## Build the etcd releases that etcd-migrate brings along into your cache (minutes, once)
	go run ./hack/etcd

.PHONY: etcd-flags
etcd-flags: ## Read anew from etcd's sources which flags each release understands
	go run ./hack/etcd --print-flags > pkg/knowledge/etcd_flags_table.go.new
	mv pkg/knowledge/etcd_flags_table.go.new pkg/knowledge/etcd_flags_table.go

.PHONY: kubernetes-tables
kubernetes-tables: ## Read anew from Kubernetes' sources which APIs, flags and feature gates each release has taken away
	go run ./hack/kubernetes

.PHONY: test-etcd
test-etcd: ## Try etcd-migrate and the agent on real etcd servers, from 2.3 to 3.7
	ETCD_BIN_DIR=$$(go run ./hack/etcd) ETCD_KNOWN_BAD_DIR=$$(go run ./hack/etcd --source hack/etcd/known-bad) KUBE_APISERVER_1_12=$$($(LAB) build --kubernetes v1.12.0 --command cmd/kube-apiserver) go test -tags realetcd -timeout 30m -parallel 6 ./test/etcd ./test/etcdhost

.PHONY: test-etcd-full
test-etcd-full: ## Try etcd-migrate alone, with 200,000 keys and 200 kills at instants that are new each time
	ETCD_BIN_DIR=$$(go run ./hack/etcd) KUBE_APISERVER_1_12=$$($(LAB) build --kubernetes v1.12.0 --command cmd/kube-apiserver) go test -tags realetcd -timeout 90m -parallel 6 -v ./test/etcd -keys 200000 -kills 200 -seed "$$(date +%s)"

.PHONY: bench-etcd
bench-etcd: ## Measure etcd-migrate against etcdctl, the image of Kubernetes, steps by hand and cp (minutes, idle machine)
	@mkdir -p bin
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w $(STAMP)' -o bin/etcd-migrate ./cmd/etcd-migrate
	go run ./test/benchetcd --bin-dir "$$(go run ./hack/etcd)" --kubernetes-migrate "$$($(LAB) build --kubernetes v1.14.0 --command cluster/images/etcd/migrate)" $(BENCH)

.PHONY: test-terminal
test-terminal: ## Show a recorded upgrade in real terminals of several sizes, and look at the screen (tmux)
	hack/install-missing.sh tmux
	go test -tags realterminal -count 1 -timeout 15m ./test/terminal

.PHONY: test-page
test-page: ## Look at the HTML report in a real browser (chromium)
	hack/install-missing.sh chromium
	go test -tags realbrowser -timeout 15m -v ./test/page

.PHONY: bench-check
bench-check: ## Measure a check of 5,000 nodes and 100,000 objects on a real API server (minutes, idle machine)
	go test -tags benchcheck -timeout 60m -count 1 ./test/benchcheck

.PHONY: fuzz
fuzz: ## Throw broken input at every parser, each for FUZZTIME (ten minutes unless set)
	hack/fuzz.sh $(FUZZTIME)

.PHONY: lab-build
lab-build: ## Fill the lab's cache for TOPOLOGY
	$(LAB) build --topology $(TOPOLOGY)

.PHONY: lab-up
lab-up: ## Bring up a real cluster of TOPOLOGY called NAME
	$(LAB) up --topology $(TOPOLOGY) --name $(NAME)

.PHONY: lab-down
lab-down: ## Remove the cluster called NAME
	$(LAB) down --name $(NAME)

.PHONY: lab-logs
lab-logs: ## Collect the logs of the cluster called NAME in dist/lab-logs
	$(LAB) logs --name $(NAME) --to $(CURDIR)/dist/lab-logs

.PHONY: e2e
e2e: ## Run one SCENARIO on clusters of its own: basic, terminal, bad-input, all, demo, kill, abort, bundle, operators, hazards, faults, ha-three-minors, availability, etcd-stacked, etcd-single, etcd-kill, etcd-restore, etcd-downgrade, etcd-faults, etcd-v2, etcd-service, seed, seed-etcd2
	go run ./test/e2e --scenario $(SCENARIO)

.PHONY: clean
clean: ## Remove what was built; the caches stay
	rm -rf bin dist .e2e
