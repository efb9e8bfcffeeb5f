################################################################################
#
# storyteller-voices
#
################################################################################

STORYTELLER_VOICES_VERSION = $(STORYTELLER_RELEASE)
STORYTELLER_VOICES_SITE = $(STORYTELLER_REPOSITORY)
STORYTELLER_VOICES_SITE_METHOD = local
# Of the libraries that the programs are linked from the licences are their packages'.
STORYTELLER_VOICES_LICENSE = Apache-2.0
STORYTELLER_VOICES_LICENSE_FILES = LICENSE
# The sources are in the imagebuilder.
STORYTELLER_VOICES_OVERRIDE_SRCDIR_RSYNC_EXCLUSIONS = --include=/LICENSE --exclude='*'
STORYTELLER_VOICES_DEPENDENCIES = flite host-imagebuilder

ifeq ($(BR2_PACKAGE_STORYTELLER_VOICES_ESPEAK),y)
STORYTELLER_VOICES_DEPENDENCIES += espeak-ng
else
STORYTELLER_VOICES_OPTS += --without voice-espeak
endif

ifeq ($(BR2_PACKAGE_STORYTELLER_VOICES_RECOGNISER),y)
STORYTELLER_VOICES_DEPENDENCIES += pocketsphinx
else
STORYTELLER_VOICES_OPTS += --without recogniser
endif

# A voice is mostly data, which must not count as machine code: that the kernel
# keeps in memory for longest, and it would drive the storyteller's own out.
STORYTELLER_VOICES_CC = \
	$(TARGET_CC) $(TARGET_CFLAGS) $(TARGET_LDFLAGS) -Wl,-z,separate-code

# The imagebuilder brings the sources, knows which libraries each program needs
# and what it reads, and where the card has all that.
define STORYTELLER_VOICES_BUILD_CMDS
	rm -rf $(@D)/card
	$(TARGET_MAKE_ENV) $(HOST_DIR)/bin/imagebuilder voices \
		--cc "$(STORYTELLER_VOICES_CC)" --card $(STAGING_DIR) \
		$(STORYTELLER_VOICES_OPTS) $(@D)/card
endef

define STORYTELLER_VOICES_INSTALL_TARGET_CMDS
	rm -rf $(TARGET_DIR)/usr/lib/storyteller
	mkdir -p $(TARGET_DIR)/usr/lib
	cp -R $(@D)/card/usr/lib/storyteller $(TARGET_DIR)/usr/lib/
endef

$(eval $(generic-package))
