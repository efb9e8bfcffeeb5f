################################################################################
#
# espeak-ng
#
################################################################################

ESPEAK_NG_VERSION = 1.52.0
ESPEAK_NG_SITE = https://snapshot.debian.org/archive/debian/20261127T000000Z/pool/main/e/espeak-ng
ESPEAK_NG_SOURCE = espeak-ng_$(ESPEAK_NG_VERSION)+dfsg.orig.tar.gz
ESPEAK_NG_LICENSE = GPL-3.0+, Apache-2.0 (parts of the library), BSD-2-Clause (getopt), Unicode-DFS-2015 (character data)
ESPEAK_NG_LICENSE_FILES = COPYING COPYING.APACHE COPYING.BSD2 COPYING.UCD
ESPEAK_NG_CPE_ID_VENDOR = espeak-ng
ESPEAK_NG_INSTALL_STAGING = YES
# The archive has no configure, nor the files that automake wants; its own autogen.sh
# makes them likewise.
ESPEAK_NG_AUTORECONF = YES
define ESPEAK_NG_MISSING_FILES
	mkdir -p $(@D)/m4
	touch $(@D)/AUTHORS
	ln -sf ChangeLog.md $(@D)/NEWS
	ln -sf README.md $(@D)/README
endef
ESPEAK_NG_POST_PATCH_HOOKS += ESPEAK_NG_MISSING_FILES
HOST_ESPEAK_NG_POST_PATCH_HOOKS += ESPEAK_NG_MISSING_FILES
ESPEAK_NG_DEPENDENCIES = host-espeak-ng sonic

# No sound card of its own, no other synthesizers: what speaks is the library.
# The speechPlayer would want C++.
ESPEAK_NG_CONF_OPTS = \
	--without-pcaudiolib --with-sonic --without-mbrola --without-speechplayer
HOST_ESPEAK_NG_CONF_OPTS = \
	--without-pcaudiolib --without-sonic --without-mbrola --without-speechplayer

# The program compiles the data, for every machine alike, so the PC's does.
HOST_ESPEAK_NG_MAKE_OPTS = \
	espeak-ng-data/phontab \
	$(patsubst %,espeak-ng-data/%_dict,$(call qstrip,$(BR2_PACKAGE_ESPEAK_NG_LANGUAGES)))
define HOST_ESPEAK_NG_INSTALL_CMDS
	mkdir -p $(HOST_DIR)/share
	rm -rf $(HOST_DIR)/share/espeak-ng-data
	cp -a $(@D)/espeak-ng-data $(HOST_DIR)/share/
endef

ESPEAK_NG_MAKE_OPTS = \
	src/libespeak-ng.la $(if $(BR2_PACKAGE_ESPEAK_NG_PROGRAM),src/espeak-ng)
define ESPEAK_NG_INSTALL_LIBRARY
	$(TARGET_MAKE_ENV) $(MAKE) -C $(@D) DESTDIR=$(1) install-libLTLIBRARIES
endef
define ESPEAK_NG_INSTALL_DATA
	mkdir -p $(1)/usr/share
	rm -rf $(1)/usr/share/espeak-ng-data
	cp -a $(HOST_DIR)/share/espeak-ng-data $(1)/usr/share/
endef
define ESPEAK_NG_INSTALL_STAGING_CMDS
	$(call ESPEAK_NG_INSTALL_LIBRARY,$(STAGING_DIR))
	$(call ESPEAK_NG_INSTALL_DATA,$(STAGING_DIR))
	mkdir -p $(STAGING_DIR)/usr/include
	cp -a $(@D)/src/include/espeak-ng $(STAGING_DIR)/usr/include/
	$(INSTALL) -D -m 0644 $(@D)/espeak-ng.pc $(STAGING_DIR)/usr/lib/pkgconfig/espeak-ng.pc
endef
ifeq ($(BR2_PACKAGE_ESPEAK_NG_PROGRAM),y)
define ESPEAK_NG_INSTALL_PROGRAM
	$(@D)/libtool --mode=install $(INSTALL) -m 0755 $(@D)/src/espeak-ng $(TARGET_DIR)/usr/bin/espeak-ng
	$(call ESPEAK_NG_INSTALL_DATA,$(TARGET_DIR))
endef
endif
define ESPEAK_NG_INSTALL_TARGET_CMDS
	$(call ESPEAK_NG_INSTALL_LIBRARY,$(TARGET_DIR))
	$(ESPEAK_NG_INSTALL_PROGRAM)
endef

$(eval $(autotools-package))
$(eval $(host-autotools-package))
