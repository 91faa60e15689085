# `make demo` runs the collection on this machine, `make test` proves it. Both do all the set-up on a fresh Debian 12.

# The distribution's Python: modules of the demo and the tests run in it too, and it is the one with the lxc binding.
PYTHON ?= $(firstword $(wildcard /usr/bin/python3) python3)
# Empty for root. LXC needs root, so whatever reaches LXC or apt runs under it.
SUDO := $(if $(filter-out 0,$(shell id -u)),sudo)
PACKAGES := busybox dnsmasq-base git iproute2 iptables locales lxc nftables python3-apt python3-lxc python3-venv shellcheck
# What `make molecule` needs beside: it builds whole systems to be its targets.
PACKAGES_MOLECULE := debootstrap debian-archive-keyring openssh-client
# What `make machines` needs beside: virtual machines, also with processors that this machine does not have.
PACKAGES_MACHINES := binfmt-support debian-archive-keyring e2fsprogs kmod mmdebstrap openssh-client qemu-system-arm qemu-system-x86 \
  qemu-user-static
# What looks at the HTML report of a rollout.
PACKAGES_BROWSER := chromium chromium-driver
INVENTORY := inventories/local/hosts.yml

# The environment's tools first; sbin for LXC's helpers, which a user's PATH lacks.
export PATH := $(CURDIR)/.venv/bin:$(PATH):/usr/sbin:/sbin
# Named, because Ansible ignores an ansible.cfg that it finds in a world-writable folder.
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
# Caches and temporary files stay in the checkout, not in the user's home.
export ANSIBLE_HOME := $(CURDIR)/.ansible
# Ansible refuses to start under a locale that is not UTF-8, and this one is always there.
export LC_ALL := C.UTF-8
# Nothing that runs as root may leave its files in the checkout.
export PYTHONDONTWRITEBYTECODE := 1

AS_ROOT = $(if $(SUDO),$(SUDO) env PATH="$$PATH" ANSIBLE_CONFIG="$$ANSIBLE_CONFIG" LC_ALL="$$LC_ALL" PYTHONDONTWRITEBYTECODE=1)
# The machine for own use is not that of the tests, and the files that lead to it are the user's.
CHOICE = $(foreach name,ARCHITECTURE DISTRIBUTION CGROUPS,$(if $($(name)),$(name)='$($(name))'))
OWN_TARGET = -e '{"softwarecontainer_targets_path": "/var/lib/softwarecontainer-target", \
  "softwarecontainer_targets_inventory": "$(CURDIR)/.ansible/target"}'
RUN = .venv/bin/python tests/run.py

.DEFAULT_GOAL := help
.PHONY: help demo clean test test-quick lint sanity unit browser integration molecule bench build changelog
.PHONY: venv system system-molecule system-machines system-browser machines matrix target clean-target

help: ## Show this list
	@sed -n 's/^\([a-z -]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 32

demo: venv ## Provision the containers of the example inventory here, show them, run a command in one
	$(AS_ROOT) ansible-playbook softwarecontainer.lxc.provision -i $(INVENTORY)
	$(AS_ROOT) ansible-playbook softwarecontainer.lxc.status -i $(INVENTORY)
	$(AS_ROOT) ansible all -i $(INVENTORY) -m softwarecontainer.lxc.exec -a '{"name": "hmi", "argv": ["/bin/busybox", "ps"]}'

clean: ## Remove what demo made
	@if command -v lxc-config >/dev/null; then $(MAKE) --no-print-directory destroy; \
	else echo 'LXC is not installed, so there is no container to remove.'; fi

.PHONY: destroy
destroy: venv
	$(AS_ROOT) ansible-playbook softwarecontainer.lxc.destroy -i $(INVENTORY)

test: venv system-molecule system-machines system-browser ## Run every test on this machine; those of LXC need root
	@$(RUN) lint sanity unit browser integration molecule machine

test-quick: venv ## Run the tests that need no root and no LXC
	@$(RUN) lint sanity unit

lint sanity unit integration: venv ## Run this part of the tests alone
	@$(RUN) $@

browser: venv system-browser ## Look at the HTML report of rollouts in a headless browser
	@$(RUN) $@

molecule: venv system-molecule ## Run the molecule scenarios on SSH targets; SCENARIOS and TARGETS choose some
	@$(RUN) $@

machines: venv system-machines ## Run all cases on a virtual machine; ARCHITECTURE, DISTRIBUTION, CGROUPS, PORT, CASES and CUTS choose
	@$(RUN) $@

matrix: venv system-machines ## Run some cases on a virtual machine of each kind of the support matrix; KINDS chooses
	@$(RUN) $@

target: venv system-machines ## Make a virtual machine for own use; ARCHITECTURE, DISTRIBUTION, CGROUPS and PORT choose
	env $(CHOICE) PORT=$(or $(PORT),2290) ansible-playbook tests/machines/create.yml $(OWN_TARGET)
	@echo 'Its inventory, for .venv/bin/ansible and .venv/bin/ansible-playbook: -i .ansible/target/hosts.yml'
	@echo 'To take the machine away again: make clean-target'

clean-target: venv ## Take away the machine that target made
	ansible-playbook tests/machines/destroy.yml $(OWN_TARGET)

bench: venv system-molecule system-machines ## Measure the collection beside its alternatives
	$(AS_ROOT) tests/benchmark/run

build: venv ## Build the collection's artifact into build/
	ansible-galaxy collection build --force --output-path build

changelog: venv ## Turn the fragments into CHANGELOG.md for the version in galaxy.yml
	antsibull-changelog release --update-existing --reload-plugins

# Made anew when the checkout was moved, since scripts in it name their folder, and when Python or the requirements change.
venv: system
	@key="$(CURDIR) $(PYTHON) $$(cat requirements.txt requirements-dev.txt | cksum)"; \
	if [ "$$(cat .venv/made-for 2>/dev/null)" != "$$key" ]; then \
	  rm -rf .venv && $(PYTHON) -m venv .venv && \
	  .venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt && \
	  echo "$$key" > .venv/made-for; \
	fi
	@mkdir -p .ansible/collections/ansible_collections/softwarecontainer
	@ln -sfn ../../../.. .ansible/collections/ansible_collections/softwarecontainer/lxc

system:
	@$(call install,$(PACKAGES))

system-molecule: system
	@$(call install,$(PACKAGES_MOLECULE))

system-machines: system
	@$(call install,$(PACKAGES_MACHINES))

system-browser: system
	@$(call install,$(PACKAGES_BROWSER))

# Installs those of the packages that are missing.
install = command -v dpkg-query >/dev/null || { echo 'Not a Debian: these have to be here already: $(1)'; exit 0; }; \
	missing=$$(for package in $(1); do \
	  dpkg-query -W -f='$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || echo $$package; done); \
	[ -z "$$missing" ] || { $(SUDO) apt-get update -q && \
	  $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $$missing; }
