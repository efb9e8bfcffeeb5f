################################################################################
#
# storyteller
#
################################################################################

STORYTELLER_VERSION = $(STORYTELLER_RELEASE)
STORYTELLER_SITE = $(STORYTELLER_REPOSITORY)
STORYTELLER_SITE_METHOD = local
STORYTELLER_OVERRIDE_SRCDIR_RSYNC_EXCLUSIONS = $(STORYTELLER_RSYNC_FILTER)
# The programs are static and pure Go.
STORYTELLER_ADD_TOOLCHAIN_DEPENDENCY = NO

STORYTELLER_GOMOD = duostoryteller
STORYTELLER_GO_ENV = $(STORYTELLER_GO_MODULES) CGO_ENABLED=0 GORISCV64=rva20u64
STORYTELLER_LICENSE = Apache-2.0
STORYTELLER_LICENSE_FILES = LICENSE
# The commit; nothing where the sources are no clone.
STORYTELLER_COMMIT = $(shell git -C $(STORYTELLER_REPOSITORY) describe --always --exclude='*' --abbrev=12 --dirty=.changed 2>/dev/null)
STORYTELLER_LDFLAGS = -s -w -buildid= -X duostoryteller/app/version.commit=$(STORYTELLER_COMMIT)
STORYTELLER_BUILD_TARGETS = app/cmd/storyteller
ifeq ($(BR2_PACKAGE_STORYTELLER_INIT),y)
STORYTELLER_BUILD_TARGETS += app/cmd/init
define STORYTELLER_INSTALL_INIT
	$(INSTALL) -D -m 0755 $(@D)/bin/init $(TARGET_DIR)/sbin/init
endef
ifeq ($(BR2_PACKAGE_BUSYBOX),)
STORYTELLER_BUILD_TARGETS += app/cmd/shell
STORYTELLER_SHELL_COMMANDS = \
	base64 cat chmod cp df dmesg find free grep gunzip gzip head hexdump \
	kill ls mkdir mktemp mount mv poweroff ps reboot rm shasum sleep \
	sort sync tail tar touch uname update uptime wc xargs
# At the end: BR2_SYSTEM_BIN_SH_NONE, the default without BusyBox, removes /bin/sh.
define STORYTELLER_INSTALL_SHELL
	$(INSTALL) -D -m 0755 $(STORYTELLER_DIR)/bin/shell $(TARGET_DIR)/bin/sh
	$(foreach command,$(STORYTELLER_SHELL_COMMANDS),\
		ln -sf sh $(TARGET_DIR)/bin/$(command)$(sep))
endef
STORYTELLER_TARGET_FINALIZE_HOOKS += STORYTELLER_INSTALL_SHELL
endif
endif

# Where init looks for it.
define STORYTELLER_INSTALL_TARGET_CMDS
	$(INSTALL) -D -m 0755 $(@D)/bin/storyteller $(TARGET_DIR)/bin/storyteller
	$(STORYTELLER_INSTALL_INIT)
endef

$(eval $(golang-package))
