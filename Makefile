# SPDX-License-Identifier: Apache-2.0
# Every way to build, test and measure Tandem. `make help` lists them.

SHELL := /bin/bash
.DEFAULT_GOAL := help

# What a fresh Debian 12 lacks. The three lists are checked before apt is asked, so that a second call costs nothing.
BUILD_PACKAGES := binutils libarchive-dev libcap-dev libnftables-dev libseccomp-dev libsqlite3-dev libvirt-dev pkg-config zlib1g-dev
RUN_PACKAGES := busybox-static dnsmasq-base e2fsprogs libnftables1 libvirt-daemon qemu-system-x86 qemu-utils
TEST_PACKAGES := apache2-utils cpio docker-compose docker-registry docker.io erofs-utils git iproute2 kmod nftables nginx openssl python3 \
	python3-docker runc skopeo xz-utils zstd
BENCHMARK_PACKAGES := docker-registry docker.io iperf3 iproute2 qperf runc skopeo
KERNEL_PACKAGES := bc bison flex gcc libelf-dev libssl-dev linux-source-6.1 make rsync xz-utils

BUILD := .build
DEBUG := $(BUILD)/debug
RELEASE := $(BUILD)/release
SWIFT_BUILD := swift build --explicit-target-dependency-import-check error

.PHONY: help fuzz setup build release kernel kernel-tuned compare test test-unit test-host check format bench clean install completions

help: ## Show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# $(call apt,PACKAGES): installs those that are missing.
define apt
	@missing=(); for p in $(1); do dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || missing+=($$p); done; \
	if (( $${#missing[@]} )); then \
		echo "installing $${missing[*]}"; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$${missing[@]}" >/dev/null; \
	fi
endef

setup: ## Install what building and running need (apt, as root)
	$(call apt,$(BUILD_PACKAGES) $(RUN_PACKAGES))
	@# libvirt's QEMU driver wants this user to exist, also where QEMU runs as root; only libvirt-daemon-system makes it.
	@getent passwd libvirt-qemu >/dev/null || useradd --system --user-group --no-create-home \
		--home-dir /var/lib/libvirt --shell /usr/sbin/nologin libvirt-qemu

build: setup ## Build for development
	$(SWIFT_BUILD)

release: setup ## Build for use: optimized, Swift's libraries linked in
	$(SWIFT_BUILD) -c release --static-swift-stdlib --product tandem
	$(SWIFT_BUILD) -c release --static-swift-stdlib --product tandemd
	$(SWIFT_BUILD) -c release --product tandem-init
	@# Symbols are most of the size; tandem-init goes into every guest's memory.
	strip $(RELEASE)/tandem $(RELEASE)/tandemd $(RELEASE)/tandem-init

kernel: setup ## Fetch the stock guest kernel (Debian's cloud kernel)
	$(call apt,$(TEST_PACKAGES))
	vm-images/build-stock

kernel-tuned: setup ## Build the tuned guest kernel (minutes; cached)
	$(call apt,$(KERNEL_PACKAGES))
	vm-images/build-tuned

compare: release kernel ## Run the same image as a container and as a VM and show both side by side
	$(RELEASE)/tandem compare $(COMPARE)

test: setup kernel ## Everything that the tests need, then all tests (as root)
	$(call apt,$(TEST_PACKAGES))
	$(SWIFT_BUILD) --build-tests
	benchmarks/image/build true
	swift test --skip-build --skip IntegrationTests --skip ConformanceTests
	Tests/run-suites

test-unit: ## Tests that need neither root nor a host of their own
	swift test --skip RootTests --skip IntegrationTests --skip ConformanceTests

fuzz: setup ## Feed the parsers and the API with random input: make fuzz TIME=600 [SEED=1]
	$(call apt,$(TEST_PACKAGES))
	$(SWIFT_BUILD) --build-tests
	TANDEM_FUZZ_SECONDS=$(or $(TIME),60) TANDEM_FUZZ_SEED=$(or $(SEED),1) \
		swift test --skip-build --no-parallel --filter 'Fuzz'

check: ## Formatting and rules of the house
	swift format lint --strict --recursive Package.swift Sources Tests
	@! grep -rnE '\b(TODO|FIXME|XXX)\b' --include='*.swift' --include='*.h' Sources Tests
	@for f in $$(git ls-files '*.swift' '*.h'); do head -2 $$f | grep -q SPDX || { echo "$$f: no SPDX line"; exit 1; }; done

format: ## Format the sources in place
	swift format --in-place --recursive Package.swift Sources Tests

bench: release kernel ## Print the ratios that docs/specification.md promises
	$(call apt,$(BENCHMARK_PACKAGES))
	@missed=(); for b in startup import build pull api network; do echo "== $$b"; benchmarks/$$b || missed+=($$b); done; \
	if (( $${#missed[@]} )); then echo "not all is well with: $${missed[*]}" >&2; exit 1; fi

install: release ## Install into PREFIX (default /usr/local)
	install -D -t $(DESTDIR)$(or $(PREFIX),/usr/local)/bin $(RELEASE)/tandem $(RELEASE)/tandemd $(RELEASE)/tandem-init
	cd benchmarks && find . -name '*.yaml' -exec install -D -m 644 {} $(DESTDIR)$(or $(PREFIX),/usr/local)/share/tandem/benchmarks/{} \;

clean: ## Remove what was built
	swift package clean
