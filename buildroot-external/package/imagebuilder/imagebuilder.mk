################################################################################
#
# imagebuilder
#
################################################################################

IMAGEBUILDER_VERSION = $(STORYTELLER_RELEASE)
IMAGEBUILDER_SITE = $(STORYTELLER_REPOSITORY)
IMAGEBUILDER_SITE_METHOD = local
IMAGEBUILDER_LICENSE = Apache-2.0
IMAGEBUILDER_LICENSE_FILES = LICENSE
IMAGEBUILDER_OVERRIDE_SRCDIR_RSYNC_EXCLUSIONS = $(STORYTELLER_RSYNC_FILTER)

HOST_IMAGEBUILDER_GOMOD = duostoryteller
HOST_IMAGEBUILDER_GO_ENV = $(STORYTELLER_GO_MODULES) CGO_ENABLED=0
HOST_IMAGEBUILDER_BUILD_TARGETS = imagebuilder/cmd/imagebuilder

$(eval $(host-golang-package))
