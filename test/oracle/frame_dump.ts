/** Frames as text for a failing case: what each is in words, then its bytes with those marked that differ. */
import { frameText } from '../../src/drivers/frame_text.js';
import { type Output, PORTS } from './router.js';

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** One line a frame, in words and in full; equal outputs have equal lines. */
export function outputLines(output: Output): string[] {
  return PORTS.flatMap((port) =>
    output[port].map((frame) => `${port}: ${frameText(frame)} (${frame.length} bytes) ${hex(frame)}`),
  );
}

/** Where the first difference lies, frame by frame. */
export function explain(expected: Output, actual: Output): string {
  const lines: string[] = [];
  for (const port of PORTS) {
    const count = Math.max(expected[port].length, actual[port].length);
    for (let i = 0; i < count; i++)
      lines.push(...explainFrame(`${port} #${i}`, expected[port][i], actual[port][i]));
  }
  return lines.join('\n');
}

function explainFrame(
  label: string,
  expected: Uint8Array | undefined,
  actual: Uint8Array | undefined,
): string[] {
  if (expected === undefined) return [`${label}: only ours: ${frameText(actual!)}`, `  ${hex(actual!)}`];
  if (actual === undefined) return [`${label}: only Linux: ${frameText(expected)}`, `  ${hex(expected)}`];
  const at = expected.findIndex((byte, i) => byte !== actual[i]);
  if (at === -1 && expected.length === actual.length) return [];
  const where = at === -1 ? Math.min(expected.length, actual.length) : at;
  const what = `${expected.length} bytes, ours ${actual.length}; first difference at ${where} (network header + ${where - 14})`;
  return [
    `${label}: ${what}`,
    `  Linux ${frameText(expected)}`,
    `  ours  ${frameText(actual)}`,
    `  ${hex(expected)}`,
    `  ${hex(actual)}`,
  ];
}
