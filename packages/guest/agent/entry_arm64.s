#include "textflag.h"

// entry is where the kernel starts the program (the linker is told so by -E main.entry). A runner goes on without
// the Go runtime, in rawMain; for everything else rawMain returns, and Go starts as it always does.
TEXT ·entry(SB),NOSPLIT|NOFRAME,$0
	MOVD	RSP, R0
	SUB	$64, RSP, RSP
	MOVD	R0, 24(RSP)
	MOVD	R0, 8(RSP)
	MOVD	$0, g
	CALL	·rawMain(SB)
	MOVD	24(RSP), R0
	MOVD	R0, RSP
	JMP	_rt0_arm64_linux(SB)

// func rawSyscall(nr, a, b, c, d, e, f uintptr) uintptr
TEXT ·rawSyscall(SB),NOSPLIT,$0-64
	MOVD	nr+0(FP), R8
	MOVD	a+8(FP), R0
	MOVD	b+16(FP), R1
	MOVD	c+24(FP), R2
	MOVD	d+32(FP), R3
	MOVD	e+40(FP), R4
	MOVD	f+48(FP), R5
	SVC
	MOVD	R0, ret+56(FP)
	RET

// func rawVfork(stack uintptr) uintptr
// The child runs runnerChild on a stack of its own: it shares the memory, and would otherwise overwrite the frames that
// the parent still returns through.
TEXT ·rawVfork(SB),NOSPLIT,$0-16
	MOVD	$0x4111, R0	// CLONE_VM | CLONE_VFORK | SIGCHLD
	MOVD	stack+0(FP), R1
	MOVD	$0, R2
	MOVD	$0, R3
	MOVD	$0, R4
	MOVD	$220, R8
	SVC
	CBZ	R0, child
	MOVD	R0, ret+8(FP)
	RET
child:
	CALL	·runnerChild(SB)
	BRK
