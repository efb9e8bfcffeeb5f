package memory

import (
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

func take(size int) ([]byte, error) {
	at, err := windows.VirtualAlloc(0, uintptr(size), windows.MEM_RESERVE|windows.MEM_COMMIT, windows.PAGE_READWRITE)
	if err != nil {
		return nil, os.NewSyscallError("VirtualAlloc", err)
	}
	return slice(at, size), nil
}

func free(taken []byte) error {
	return os.NewSyscallError("VirtualFree", windows.VirtualFree(address(taken), 0, windows.MEM_RELEASE))
}

func mapFile(f *os.File, size int) ([]byte, error) {
	section, err := windows.CreateFileMapping(windows.Handle(f.Fd()), nil, windows.PAGE_READONLY, 0, 0, nil)
	if err != nil {
		return nil, os.NewSyscallError("CreateFileMapping", err)
	}
	defer windows.CloseHandle(section) // the view keeps it
	at, err := windows.MapViewOfFile(section, windows.FILE_MAP_READ, 0, 0, uintptr(size))
	if err != nil {
		return nil, os.NewSyscallError("MapViewOfFile", err)
	}
	return slice(at, size), nil
}

func unmap(mapped []byte) error {
	return os.NewSyscallError("UnmapViewOfFile", windows.UnmapViewOfFile(address(mapped)))
}

// slice makes the system's memory a slice. It lies outside Go's heap and does not
// move; vet cannot know that, hence the detour around its check of unsafe.Pointer.
func slice(at uintptr, size int) []byte {
	return unsafe.Slice(*(**byte)(unsafe.Pointer(&at)), size)
}

func address(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }
