################################################################################
#
# pocketsphinx
#
################################################################################

POCKETSPHINX_VERSION = 0.8+5prealpha+1
POCKETSPHINX_SITE = https://snapshot.debian.org/archive/debian/20261127T000000Z/pool/main/p/pocketsphinx
POCKETSPHINX_SOURCE = pocketsphinx_$(POCKETSPHINX_VERSION).orig.tar.gz
POCKETSPHINX_LICENSE = BSD-2-Clause
POCKETSPHINX_LICENSE_FILES = LICENSE model/en-us/en-us/README
POCKETSPHINX_INSTALL_STAGING = YES
POCKETSPHINX_DEPENDENCIES = libsphinxbase host-pkgconf
POCKETSPHINX_CONF_OPTS = --without-python --with-sphinxbase=auto
# Older than C23, as sphinxbase is.
POCKETSPHINX_CONF_ENV = \
	CFLAGS="$(TARGET_CFLAGS) -std=gnu17" \
	ac_cv_prog_HAVE_DOXYGEN=no

ifeq ($(BR2_PACKAGE_POCKETSPHINX_PROGRAMS),)
define POCKETSPHINX_INSTALL_TARGET_CMDS
	$(TARGET_MAKE_ENV) $(MAKE) -C $(@D)/src/libpocketsphinx DESTDIR=$(TARGET_DIR) install
endef
endif

$(eval $(autotools-package))
