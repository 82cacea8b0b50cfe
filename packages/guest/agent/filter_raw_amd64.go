package main

const (
	filterArch          = 0xc000003e
	filterCompatArch    = 0x40000003 // i386
	filterCompatPrlimit = 340
)
