package main

const (
	filterArch          = 0xc00000b7
	filterCompatArch    = 0x40000028 // arm
	filterCompatPrlimit = 369
)
