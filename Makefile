# SPDX-License-Identifier: Apache-2.0
# A thin cover over meson. `make help` lists the targets.

BUILD := build

.PHONY: help
help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: packages
packages: ## install the Debian packages that building and running need
	@scripts/install-packages build run

$(BUILD)/build.ninja:
	@meson setup $(BUILD)

.PHONY: build
build: packages $(BUILD)/build.ninja ## compile everything into build/
	@ninja -C $(BUILD)

.PHONY: quickstart
quickstart: build ## start an engine and run the first container (as root)
	@scripts/quickstart $(BUILD)

.PHONY: install
install: build ## install programs, systemd units, completion and man pages (DESTDIR, PREFIX)
	@scripts/install $(BUILD)

.PHONY: test
test: ## install what the tests need and run all of them
	@scripts/install-packages build run test vm
	@scripts/run-tests

.PHONY: test-one
test-one: ## run the tests whose name contains NAME, or with IN="vm [OPTION...]" in a virtual machine
	@scripts/install-packages build run test $(firstword $(IN))
	@scripts/run-tests $(if $(IN),--in "$(IN)") "$(NAME)"

.PHONY: bench
bench: build ## compare with the other runtimes and engines that are installed
	@scripts/bench $(BUILD)

.PHONY: soak
soak: build ## random operations for SOAK_MINUTES (20) by clients whose engine is killed all the time
	@scripts/install-packages build run test
	@scripts/soak --build $(BUILD) --minutes $${SOAK_MINUTES:-20}

.PHONY: fuzz
fuzz: ## run every fuzz target for BERTH_FUZZ_SECONDS (15) each or a third of it
	@scripts/install-packages build test
	@scripts/run-tests --only fuzz

.PHONY: format
format: ## format the sources
	@find src tests -name '*.[ch]' -print0 | xargs -0 clang-format -i

.PHONY: lint
lint: ## check formatting, includes and shell scripts
	@scripts/run-tests --only lint
