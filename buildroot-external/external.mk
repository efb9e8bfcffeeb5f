# All packages are built from the repository that this folder is in. Only what
# they need is copied, because Buildroot itself may lie in it, too.
STORYTELLER_REPOSITORY = $(BR2_EXTERNAL_STORYTELLER_PATH)/..
STORYTELLER_RSYNC_FILTER = \
	--include=/LICENSE --include=/go.mod --include=/go.sum \
	--include='/app/***' --include='/imagebuilder/***' --exclude='*'

# Buildroot vendors the modules of downloaded Go packages, but not of local
# ones: Go itself gets them, checks them against go.sum and keeps them with the
# other downloads. Without GOPROXY in the environment Go's default is used.
STORYTELLER_GO_MODULES = \
	GOFLAGS="-mod=readonly -modcacherw" \
	GOMODCACHE=$(DL_DIR)/storyteller \
	GOPROXY=$(GOPROXY)

STORYTELLER_RELEASE := $(shell sed -n 's/^const Number = "\(.*\)"$$/\1/p' $(STORYTELLER_REPOSITORY)/app/version/version.go)

include $(sort $(wildcard $(BR2_EXTERNAL_STORYTELLER_PATH)/package/*/*.mk))

# "make source" gets what a build without a network needs, the modules, too.
.PHONY: storyteller-modules
storyteller-modules: host-go
	cd $(STORYTELLER_REPOSITORY) && \
		$(HOST_GO_HOST_ENV) $(STORYTELLER_GO_MODULES) $(GO_BIN) mod download
storyteller-source host-imagebuilder-source: storyteller-modules

# The boards' kernel, where a configuration begins with the common fragment.
ifeq ($(LINUX_KCONFIG_FILE),$(STORYTELLER_REPOSITORY)/board/common/kernel.fragment)

# Its source is the one that `make image` takes: Debian's package, with Debian's
# patches, as imagebuilder/inputs.lock names it. Another release, chosen in
# menuconfig, comes from kernel.org.
ifeq ($(LINUX_VERSION),7.3.4)
LINUX_SITE = https://snapshot.debian.org/archive/debian/20261127T000000Z/pool/main/l/linux
LINUX_SOURCE = linux-source-7.3_7.3.4-1~bpo13+1_all.deb
define LINUX_EXTRACT_CMDS
	$(HOSTAR) p $(LINUX_DL_DIR)/$(LINUX_SOURCE) data.tar.xz | $(XZCAT) | \
		$(TAR) -xO ./usr/src/linux-source-7.3.tar.xz | $(XZCAT) | \
		$(TAR) --strip-components=1 -C $(LINUX_DIR) $(TAR_OPTIONS) -
endef
endif

# Whatever no fragment mentions is off, as it is in the imagebuilder's kernel.
# Buildroot by itself would leave Linux's defaults on.
STORYTELLER_LINUX_FRAGMENTS = $(BUILD_DIR)/storyteller.fragment
STORYTELLER_LINUX_ALLNOCONFIG = \
	KCONFIG_ALLCONFIG=$(STORYTELLER_LINUX_FRAGMENTS) allnoconfig
LINUX_KCONFIG_DEFCONFIG = $(STORYTELLER_LINUX_ALLNOCONFIG)

$(STORYTELLER_LINUX_FRAGMENTS): $(LINUX_KCONFIG_FILE) $(LINUX_KCONFIG_FRAGMENT_FILES) | prepare
	cat $^ >$@
$(LINUX_DIR)/$(LINUX_KCONFIG_STAMP_DOTCONFIG): $(STORYTELLER_LINUX_FRAGMENTS)

# Kconfig drops without a word what it cannot keep. The card is refused then, but
# it is made last.
STORYTELLER_LINUX_KEPT = $(BR2_EXTERNAL_STORYTELLER_PATH)/board/storyteller/kernel-kept.sh
define STORYTELLER_LINUX_CHECK
	$(STORYTELLER_LINUX_KEPT) $(STORYTELLER_LINUX_FRAGMENTS) $(LINUX_DIR)/.config
endef
LINUX_POST_CONFIGURE_HOOKS += STORYTELLER_LINUX_CHECK

# And the kernel is configured after the compiler was built, an hour into the
# build. So the same is tried before, with a compiler that is said to know every
# option. Once the kernel itself is configured, there is nothing to try.
STORYTELLER_LINUX_TRIAL = $(BUILD_DIR)/storyteller-kernel-trial
$(STORYTELLER_LINUX_TRIAL)/.stamp_kept: $(STORYTELLER_LINUX_FRAGMENTS) $(STORYTELLER_LINUX_KEPT)
$(STORYTELLER_LINUX_TRIAL)/.stamp_kept: | linux-patch
$(STORYTELLER_LINUX_TRIAL)/.stamp_kept: | $(filter-out toolchain,$(LINUX_KCONFIG_DEPENDENCIES))
$(STORYTELLER_LINUX_TRIAL)/.stamp_kept:
	@$(call MESSAGE,"Trying the kernel's configuration")
	mkdir -p $(@D)
	test -e $(LINUX_DIR)/.config || { \
		$(LINUX_MAKE_ENV) $(LINUX_MAKE) -s -C $(LINUX_DIR) O=$(@D) ARCH=$(KERNEL_ARCH) \
			HOSTCC="$(HOSTCC_NOCCACHE)" \
			CC=$(BR2_EXTERNAL_STORYTELLER_PATH)/board/storyteller/any-compiler.sh \
			$(STORYTELLER_LINUX_ALLNOCONFIG) && \
		$(STORYTELLER_LINUX_KEPT) $(STORYTELLER_LINUX_FRAGMENTS) $(@D)/.config; }
	touch $@
$(HOST_BINUTILS_TARGET_CONFIGURE): | $(STORYTELLER_LINUX_TRIAL)/.stamp_kept
$(HOST_GCC_INITIAL_TARGET_CONFIGURE): | $(STORYTELLER_LINUX_TRIAL)/.stamp_kept

# The board's device trees include mainline's, and are compiled beside it.
define STORYTELLER_LINUX_DTS
	cp $(STORYTELLER_REPOSITORY)/board/milkv-duo/*.dts $(LINUX_ARCH_PATH)/boot/dts/sophgo/
endef
LINUX_PRE_BUILD_HOOKS += STORYTELLER_LINUX_DTS
endif

# Without shared libraries each of flite's demonstration programs has a voice of
# its own in it, 49 MB in all, more than the card's root has room for. Libraries
# and headers stay in staging, where storyteller-voices finds them.
ifeq ($(BR2_STATIC_LIBS)$(BR2_PACKAGE_STORYTELLER_VOICES),yy)
define STORYTELLER_FLITE_NO_PROGRAMS
	rm -f $(TARGET_DIR)/usr/bin/flite $(TARGET_DIR)/usr/bin/flite_*
endef
FLITE_POST_INSTALL_TARGET_HOOKS += STORYTELLER_FLITE_NO_PROGRAMS
endif

# What Buildroot leaves behind of Go: the licence, which goes onto the card because
# Go's run time is in the programs, and go.env, whose defaults say where modules come
# from.
define STORYTELLER_GO_FILES
	$(INSTALL) -m 0644 -t $(HOST_GO_ROOT) $(@D)/LICENSE $(@D)/go.env
endef
HOST_GO_BIN_POST_INSTALL_HOOKS += STORYTELLER_GO_FILES
HOST_GO_SRC_POST_INSTALL_HOOKS += STORYTELLER_GO_FILES
