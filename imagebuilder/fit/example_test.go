package fit_test

import (
	"bytes"
	"fmt"
	"log"

	"duostoryteller/imagebuilder/fit"
)

// A boot.sd with one kernel for two boards: U-Boot takes the device tree by the
// configuration's name.
func ExampleWrite() {
	var boot bytes.Buffer
	err := fit.Write(&boot, fit.Spec{
		Description: "an example",
		Kernel:      []byte("a kernel"),
		KernelLoad:  0x80200000,
		KernelEntry: 0x80200000,
		DeviceTrees: []fit.DeviceTree{{Name: "duo", Data: deviceTree}},
		Configurations: []fit.Configuration{
			{Name: "config-cv1800b_milkv_duo_sd", DeviceTree: "duo", Default: true},
			{Name: "config-virt"}, // it brings its own
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	read, err := fit.Read(boot.Bytes())
	if err != nil {
		log.Fatal(err)
	}
	for _, c := range read.Configurations {
		fmt.Println(c.Name)
	}
	kernel, err := read.Images[0].Unpack()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s: %s\n", read.Images[0].Name, kernel)
	// Output:
	// config-cv1800b_milkv_duo_sd
	// config-virt
	// kernel-1: a kernel
}

// deviceTree is the shortest device tree blob: a root without properties.
var deviceTree = []byte{
	0xd0, 0x0d, 0xfe, 0xed, 0, 0, 0, 72, 0, 0, 0, 56, 0, 0, 0, 72, 0, 0, 0, 40, 0, 0, 0, 17, 0, 0, 0, 16, // header
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16, // sizes of strings and structure
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, // no reserved memory
	0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 9, // root begins, ends; the end
}
