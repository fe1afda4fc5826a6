/** The boards' images, built once per run of the tests: a second build of the same sources does nothing. */
import { buildImages as build } from '../../hil/rig/images.js';

export function buildImages(): void {
  const complaint = build();
  if (complaint !== undefined) throw new Error(complaint);
}
