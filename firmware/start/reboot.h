/* How this start came about, and how the next one will. Outlives a reset in .noinit. */
#pragma once
#include <stdint.h>

/* Once, first of all: counts the start and makes its boot id. */
void reboot_note_start(void);
uint32_t reboot_boot_id(void);
uint32_t reboot_starts(void);
uint8_t reboot_reason(void);
/* Resets the machine; `reason` (LinkBootReason) is what the next start will tell. */
__attribute__((noreturn)) void reboot(uint8_t reason);
