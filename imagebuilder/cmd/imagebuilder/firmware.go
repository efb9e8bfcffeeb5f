package main

import (
	"fmt"
	"io"
	"strings"

	"duostoryteller/app/wholefile"
	"duostoryteller/imagebuilder/firmware"

	"github.com/spf13/cobra"
)

func firmwareCommand() *cobra.Command {
	var output string
	var noSecondCore bool
	cmd := &cobra.Command{
		Use:     "firmware IMAGE|FIP",
		GroupID: groupMake,
		Short:   "Check the vendor's fip.bin, or take it out of an official image",
		Long: `Firmware reads a fip.bin, or finds it in the FAT partition of an official Milk-V
image (unpacked, a .img), verifies every checksum in it, and prints its sections,
U-Boot's version and the configurations that it asks boot.sd for. With -o it
writes the fip.bin to a file.`,
		Example: `  imagebuilder firmware milkv-duo-sd.img -o fip.bin
  imagebuilder firmware fip.bin`,
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			data, im, err := firmware.Load(args[0])
			if err != nil {
				return err
			}
			if noSecondCore {
				if data, err = firmware.WithoutSecondCore(data); err != nil {
					return err
				}
				if im, err = firmware.Parse(data); err != nil {
					return err
				}
			}
			printFirmware(cmd.OutOrStdout(), im, len(data))
			if output == "" {
				return nil
			}
			if err := wholefile.Bytes(output, data); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "written to %s\n", output)
			return nil
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "write the fip.bin to this file")
	cmd.Flags().BoolVar(&noSecondCore, "no-second-core", false, "write a patched copy that starts nothing on the second core")
	return cmd
}

func printFirmware(w io.Writer, im *firmware.Image, size int) {
	fmt.Fprintf(w, "fip.bin of a CV180x or SG200x chip, %d bytes, all checksums right\n", size)
	for _, s := range im.Sections {
		fmt.Fprintf(w, "  %#08x  %8d bytes  %s", s.Offset, s.Size, s.Name)
		if s.Address != 0 {
			fmt.Fprintf(w, ", runs at %#x", s.Address)
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w, "U-Boot:", orNone(im.UBoot))
	fmt.Fprintln(w, "asks boot.sd for:", orNone(strings.Join(im.Configurations, ", ")))
}

func orNone(s string) string {
	if s == "" {
		return "(does not say)"
	}
	return s
}
