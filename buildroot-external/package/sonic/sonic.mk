################################################################################
#
# sonic
#
################################################################################

SONIC_VERSION = 0.2.0
SONIC_SITE = https://snapshot.debian.org/archive/debian/20261127T000000Z/pool/main/s/sonic
SONIC_SOURCE = sonic_$(SONIC_VERSION).orig.tar.gz
SONIC_LICENSE = Apache-2.0
SONIC_LICENSE_FILES = COPYING
SONIC_INSTALL_STAGING = YES

SONIC_LIBRARIES = \
	$(if $(BR2_SHARED_LIBS),,libsonic.a) \
	$(if $(BR2_STATIC_LIBS),,libsonic.so.$(SONIC_VERSION))

define SONIC_BUILD_CMDS
	$(TARGET_MAKE_ENV) $(MAKE) -C $(@D) CC="$(TARGET_CC)" AR="$(TARGET_AR)" \
		CFLAGS="$(TARGET_CFLAGS) -fPIC $(TARGET_LDFLAGS)" $(SONIC_LIBRARIES)
endef

define SONIC_INSTALL_STAGING_CMDS
	$(INSTALL) -D -m 0644 $(@D)/sonic.h $(STAGING_DIR)/usr/include/sonic.h
	mkdir -p $(STAGING_DIR)/usr/lib
	cp -a $(@D)/libsonic.* $(STAGING_DIR)/usr/lib/
endef

ifeq ($(BR2_STATIC_LIBS),)
define SONIC_INSTALL_TARGET_CMDS
	mkdir -p $(TARGET_DIR)/usr/lib
	cp -a $(@D)/libsonic.so* $(TARGET_DIR)/usr/lib/
endef
endif

$(eval $(generic-package))
