################################################################################
#
# storyteller
#
################################################################################

STORYTELLER_SITE = $(STORYTELLER_REPOSITORY)
STORYTELLER_SITE_METHOD = local
STORYTELLER_OVERRIDE_SRCDIR_RSYNC_EXCLUSIONS = $(STORYTELLER_RSYNC_FILTER)
# The programs are static and pure Go.
STORYTELLER_ADD_TOOLCHAIN_DEPENDENCY = NO

STORYTELLER_GOMOD = duostoryteller
STORYTELLER_GO_ENV = $(STORYTELLER_GO_MODULES) CGO_ENABLED=0 GORISCV64=rva20u64
STORYTELLER_LDFLAGS = -s -w -buildid=
STORYTELLER_BUILD_TARGETS = app/cmd/storyteller
ifeq ($(BR2_PACKAGE_STORYTELLER_INIT),y)
STORYTELLER_BUILD_TARGETS += app/cmd/init
define STORYTELLER_INSTALL_INIT
	$(INSTALL) -D -m 0755 $(@D)/bin/init $(TARGET_DIR)/sbin/init
endef
endif

# Where init looks for it.
define STORYTELLER_INSTALL_TARGET_CMDS
	$(INSTALL) -D -m 0755 $(@D)/bin/storyteller $(TARGET_DIR)/bin/storyteller
	$(STORYTELLER_INSTALL_INIT)
endef

$(eval $(golang-package))
