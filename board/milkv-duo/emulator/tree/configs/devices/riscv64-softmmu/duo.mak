# SPDX-License-Identifier: GPL-2.0-or-later
# The Duo, and what can be put into its USB port while that is a host.
CONFIG_MILKV_DUO=y
CONFIG_USB_AUDIO=y
CONFIG_USB_HUB=y
CONFIG_USB_NETWORK=y
CONFIG_USB_SERIAL=y
CONFIG_USB_STORAGE_BOT=y
