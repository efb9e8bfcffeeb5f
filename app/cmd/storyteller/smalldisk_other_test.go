//go:build !linux

package main

// onSmallDisk is only called by a test of Linux.
func onSmallDisk(string) { panic("a small disk can only be mounted on Linux") }
