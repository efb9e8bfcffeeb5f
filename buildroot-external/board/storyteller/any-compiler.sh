#!/bin/sh
# Stands in for the board's compiler while Kconfig asks what that can do: its
# version is the PC's, and every option and instruction is known.
case " $* " in
*" -E "* | *version*) exec "${HOSTCC:-gcc}" "$@" ;;
esac
