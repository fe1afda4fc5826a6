/** Before the tier: the boards' images. Building them takes minutes where the core has changed, which no hook waits for. */
import { buildImages } from './images.js';

export function setup(): void {
  buildImages();
}
