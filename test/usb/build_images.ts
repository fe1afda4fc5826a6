/**
 * On the host, before the guest's tests: the board's image, which would take the emulated machine an hour. One that is
 * there is taken as it is: the board tier, which comes first, keeps it current.
 */
import { existsSync } from 'node:fs';
import { buildImages } from '../board/images.js';

export function setup(): void {
  if (!existsSync('build/firmware/virt64.elf')) buildImages();
}
