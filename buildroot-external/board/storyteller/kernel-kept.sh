#!/bin/sh
# kernel-kept.sh FRAGMENTS CONFIG: fails and names the lines of the fragments
# that a kernel's .config lacks. An option that is off may be absent from it.
exec awk '
	/^# CONFIG_[A-Za-z0-9_]+ is not set$/ { name = $2; value = "n" }
	/^CONFIG_[A-Za-z0-9_]+=/ { at = index($0, "="); name = substr($0, 1, at - 1); value = substr($0, at + 1) }
	name == "" { next }
	FILENAME == ARGV[1] { if (!(name in want)) order[++n] = name; want[name] = value }
	FILENAME == ARGV[2] { have[name] = value }
	{ name = "" }
	END {
		for (i = 1; i <= n; i++) {
			name = order[i]; got = name in have ? have[name] : "n"
			if (got != want[name]) { lost = lost sep name "=" want[name] " (is " got ")"; sep = ", " }
		}
		if (lost == "") exit 0
		print "this kernel does not keep " lost ": fix the fragment in board/, or what these depend on" > "/dev/stderr"
		exit 1
	}' "$1" "$2"
