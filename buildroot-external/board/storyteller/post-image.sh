#!/bin/sh
# Makes the card image. Buildroot gives its images folder first, then the words
# of BR2_ROOTFS_POST_IMAGE_SCRIPT_ARGS, which are flags of imagebuilder build.
set -eu

shift
cd "$BR2_EXTERNAL_STORYTELLER_PATH/.."
# The licences of the linked Go modules are read from where these were put.
export GOMODCACHE="$BR2_DL_DIR/storyteller" GOFLAGS=-mod=readonly
exec "$HOST_DIR/bin/imagebuilder" build --from-buildroot "$BASE_DIR" --output "$BINARIES_DIR" "$@"
