// Package initramfs makes the first root that the kernel unpacks into memory: a
// cpio archive with one program, /init. It is not compressed, so that the kernel
// needs nothing to unpack it.
//
// Format: Documentation/driver-api/early-userspace/buffer-format.rst of Linux.
package initramfs

import "fmt"

// Make returns the archive. The same program gives the same bytes.
func Make(init []byte) []byte {
	const program = 0o100755 // a regular file that all may execute
	return entry(entry(nil, 1, program, "init", init), 0, 0, "TRAILER!!!", nil)
}

// entry appends one entry in the "newc" form: thirteen numbers of eight
// hexadecimal digits, the name, the content, each filled up to a multiple of four.
func entry(archive []byte, inode, mode int, name string, content []byte) []byte {
	const uid, gid, links, time, device = 0, 0, 1, 0, 0
	archive = fmt.Appendf(archive, "070701")
	for _, n := range []int{inode, mode, uid, gid, links, time, len(content), device, device, device, device, len(name) + 1, 0} {
		archive = fmt.Appendf(archive, "%08X", n)
	}
	archive = pad(append(append(archive, name...), 0))
	return pad(append(archive, content...))
}

func pad(archive []byte) []byte { return append(archive, make([]byte, -len(archive)&3)...) }
