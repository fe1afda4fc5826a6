/*
 * Reset to fw_main, and traps to trap_entry. Hart 0 runs; every other one sleeps for good.
 *
 * A trap works on a stack of its own (mscratch), so that a stack that ran over can still be told of.
 */
#include "xlen.h"

    .section .text.start, "ax"
    .globl _start
_start:
    csrw mie, zero
    csrr t0, mhartid
    bnez t0, park
    .option push
    .option norelax
    la gp, __global_pointer$
    .option pop
    la sp, stack_top
    la t0, trap_stack_top
    csrw mscratch, t0
    la t0, trap_vector
    csrw mtvec, t0
    la t0, bss_start
    la t1, bss_end
1:  bgeu t0, t1, 2f
    STORE zero, 0(t0)
    addi t0, t0, WORD
    j 1b
2:  call fw_main
park:
    wfi
    j park

/* Registers that a C function may change: ra, t0-t6, a0-a7; then sp of who was interrupted. */
#define FRAME (18 * WORD)
    .balign 4
trap_vector:
    csrrw sp, mscratch, sp
    addi sp, sp, -FRAME
    STORE ra, 0*WORD(sp)
    STORE t0, 1*WORD(sp)
    STORE t1, 2*WORD(sp)
    STORE t2, 3*WORD(sp)
    STORE t3, 4*WORD(sp)
    STORE t4, 5*WORD(sp)
    STORE t5, 6*WORD(sp)
    STORE t6, 7*WORD(sp)
    STORE a0, 8*WORD(sp)
    STORE a1, 9*WORD(sp)
    STORE a2, 10*WORD(sp)
    STORE a3, 11*WORD(sp)
    STORE a4, 12*WORD(sp)
    STORE a5, 13*WORD(sp)
    STORE a6, 14*WORD(sp)
    STORE a7, 15*WORD(sp)
    csrr a0, mcause
    csrr a1, mepc
    mv a2, ra
    csrr a3, mscratch
    call trap_entry
    LOAD ra, 0*WORD(sp)
    LOAD t0, 1*WORD(sp)
    LOAD t1, 2*WORD(sp)
    LOAD t2, 3*WORD(sp)
    LOAD t3, 4*WORD(sp)
    LOAD t4, 5*WORD(sp)
    LOAD t5, 6*WORD(sp)
    LOAD t6, 7*WORD(sp)
    LOAD a0, 8*WORD(sp)
    LOAD a1, 9*WORD(sp)
    LOAD a2, 10*WORD(sp)
    LOAD a3, 11*WORD(sp)
    LOAD a4, 12*WORD(sp)
    LOAD a5, 13*WORD(sp)
    LOAD a6, 14*WORD(sp)
    LOAD a7, 15*WORD(sp)
    addi sp, sp, FRAME
    csrrw sp, mscratch, sp
    mret
