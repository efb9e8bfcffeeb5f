# All packages are built from the repository that this folder is in. Only what
# they need is copied, because Buildroot itself may lie in it, too.
STORYTELLER_REPOSITORY = $(BR2_EXTERNAL_STORYTELLER_PATH)/..
STORYTELLER_RSYNC_FILTER = \
	--include=/go.mod --include=/go.sum \
	--include='/app/***' --include='/imagebuilder/***' --exclude='*'

# Buildroot vendors the modules of downloaded Go packages, but not of local
# ones: Go itself gets them, checks them against go.sum and keeps them with the
# other downloads. Without GOPROXY in the environment Go's default is used.
STORYTELLER_GO_MODULES = \
	GOFLAGS="-mod=readonly -modcacherw" \
	GOMODCACHE=$(DL_DIR)/storyteller \
	GOPROXY=$(GOPROXY)

include $(sort $(wildcard $(BR2_EXTERNAL_STORYTELLER_PATH)/package/*/*.mk))

# The boards' kernel: where a configuration begins with the common fragment,
# whatever no fragment mentions is off, as it is in the imagebuilder's kernel.
# Buildroot by itself would leave Linux's defaults on.
ifeq ($(LINUX_KCONFIG_FILE),$(STORYTELLER_REPOSITORY)/board/common/kernel.fragment)
STORYTELLER_LINUX_FRAGMENTS = $(BUILD_DIR)/storyteller.fragment
LINUX_KCONFIG_DEFCONFIG = \
	KCONFIG_ALLCONFIG=$(STORYTELLER_LINUX_FRAGMENTS) allnoconfig

$(STORYTELLER_LINUX_FRAGMENTS): $(LINUX_KCONFIG_FILE) $(LINUX_KCONFIG_FRAGMENT_FILES) | prepare
	cat $^ >$@
$(LINUX_DIR)/$(LINUX_KCONFIG_STAMP_DOTCONFIG): $(STORYTELLER_LINUX_FRAGMENTS)

# The board's device trees include mainline's, and are compiled beside it.
define STORYTELLER_LINUX_DTS
	cp $(STORYTELLER_REPOSITORY)/board/milkv-duo/*.dts $(LINUX_ARCH_PATH)/boot/dts/sophgo/
endef
LINUX_PRE_BUILD_HOOKS += STORYTELLER_LINUX_DTS
endif
