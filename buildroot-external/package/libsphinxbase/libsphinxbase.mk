################################################################################
#
# libsphinxbase
#
################################################################################

# Buildroot had this as sphinxbase, dropped it, and keeps that name for a warning.
LIBSPHINXBASE_VERSION = 0.8+5prealpha+1
LIBSPHINXBASE_SITE = https://snapshot.debian.org/archive/debian/20261127T000000Z/pool/main/s/sphinxbase
LIBSPHINXBASE_SOURCE = sphinxbase_$(LIBSPHINXBASE_VERSION).orig.tar.gz
LIBSPHINXBASE_LICENSE = BSD-2-Clause
LIBSPHINXBASE_LICENSE_FILES = LICENSE
LIBSPHINXBASE_INSTALL_STAGING = YES
# configure insists on bison, though what that makes is in the archive.
LIBSPHINXBASE_DEPENDENCIES = host-bison
LIBSPHINXBASE_CONF_OPTS = --without-python
# Its own linear algebra will do, and nobody reads its documentation here. It
# declares functions without their parameters, which C23 takes for none.
LIBSPHINXBASE_CONF_ENV = \
	CFLAGS="$(TARGET_CFLAGS) -std=gnu17" \
	ac_cv_lib_lapack_sgesv_=no \
	ac_cv_prog_HAVE_DOXYGEN=no

# Sound comes from ALSA or PulseAudio, if either was there before.
ifeq ($(BR2_PACKAGE_PULSEAUDIO),y)
LIBSPHINXBASE_DEPENDENCIES += pulseaudio
else ifeq ($(BR2_PACKAGE_ALSA_LIB),y)
LIBSPHINXBASE_DEPENDENCIES += alsa-lib
endif

# The programs are for training models, which is a PC's work.
define LIBSPHINXBASE_INSTALL_TARGET_CMDS
	$(foreach library,sphinxbase sphinxad,\
		$(TARGET_MAKE_ENV) $(MAKE) -C $(@D)/src/lib$(library) DESTDIR=$(TARGET_DIR) install$(sep))
endef

$(eval $(autotools-package))
