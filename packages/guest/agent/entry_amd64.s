#include "textflag.h"

// entry is where the kernel starts the program (the linker is told so by -E main.entry). A runner goes on without
// the Go runtime, in rawMain; for everything else rawMain returns, and Go starts as it always does.
TEXT ·entry(SB),NOSPLIT|NOFRAME,$0
	MOVQ	SP, AX
	SUBQ	$64, SP
	MOVQ	AX, 8(SP)
	// The way from assembler into Go reads g through FS, which nobody has set yet: arch_prctl(ARCH_SET_FS, …).
	LEAQ	·rawTLS+64(SB), SI
	MOVQ	$0x1002, DI
	MOVQ	$158, AX
	SYSCALL
	MOVQ	8(SP), AX
	MOVQ	AX, 0(SP)
	CALL	·rawMain(SB)
	MOVQ	8(SP), AX
	MOVQ	AX, SP
	JMP	_rt0_amd64_linux(SB)

// func rawSyscall(nr, a, b, c, d, e, f uintptr) uintptr
TEXT ·rawSyscall(SB),NOSPLIT,$0-64
	MOVQ	nr+0(FP), AX
	MOVQ	a+8(FP), DI
	MOVQ	b+16(FP), SI
	MOVQ	c+24(FP), DX
	MOVQ	d+32(FP), R10
	MOVQ	e+40(FP), R8
	MOVQ	f+48(FP), R9
	SYSCALL
	MOVQ	AX, ret+56(FP)
	RET

// func rawVfork(stack uintptr) uintptr
// The child runs runnerChild on a stack of its own: it shares the memory, and would otherwise overwrite the frames that
// the parent still returns through.
TEXT ·rawVfork(SB),NOSPLIT,$0-16
	MOVQ	$0x4111, DI	// CLONE_VM | CLONE_VFORK | SIGCHLD
	MOVQ	stack+0(FP), SI
	XORL	DX, DX
	XORL	R10, R10
	XORL	R8, R8
	MOVQ	$56, AX
	SYSCALL
	TESTQ	AX, AX
	JZ	child
	MOVQ	AX, ret+8(FP)
	RET
child:
	CALL	·runnerChild(SB)
	INT	$3
