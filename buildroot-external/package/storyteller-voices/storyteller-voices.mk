################################################################################
#
# storyteller-voices
#
################################################################################

STORYTELLER_VOICES_DEPENDENCIES = flite host-imagebuilder

# The imagebuilder brings the sources, and knows which libraries each voice needs.
define STORYTELLER_VOICES_BUILD_CMDS
	mkdir -p $(@D)/voices
	$(TARGET_MAKE_ENV) $(HOST_DIR)/bin/imagebuilder voices \
		--cc "$(TARGET_CC) $(TARGET_CFLAGS) $(TARGET_LDFLAGS)" $(@D)/voices
endef

define STORYTELLER_VOICES_INSTALL_TARGET_CMDS
	mkdir -p $(TARGET_DIR)/usr/lib/storyteller/voices
	$(INSTALL) -m 0755 $(@D)/voices/voice-* $(TARGET_DIR)/usr/lib/storyteller/voices
endef

$(eval $(generic-package))
