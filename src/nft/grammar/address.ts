/**
 * Where an address ends: IPv4, IPv6, link layer, or a handle of tc (`1:2f`), in the forms that nft's scanner takes.
 * Whether its numbers are in range is for its type to say.
 */

const IPV4 = /\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?![\w.])/y;
const COLONS = /[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:.]*/y;
const LLADDR = /^[0-9A-Fa-f]{1,2}(?::[0-9A-Fa-f]{1,2}){5}$/;
const HANDLE = /^[0-9A-Fa-f]{1,4}:[0-9A-Fa-f]{1,4}$/;
const EMBEDDED_IPV4 = /^\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}$/;

function isIp6(text: string): boolean {
  const gap = text.indexOf('::');
  if (gap !== text.lastIndexOf('::')) return false;
  const halves = gap < 0 ? [text] : [text.slice(0, gap), text.slice(gap + 2)];
  let groups = 0;
  for (const [at, half] of halves.entries()) {
    if (half === '' && gap >= 0) continue;
    const words = half.split(':');
    for (const [index, word] of words.entries()) {
      const last = at === halves.length - 1 && index === words.length - 1;
      if (last && EMBEDDED_IPV4.test(word)) groups += 2;
      else if (word.length < 1 || word.length > 4 || word.includes('.')) return false;
      else groups++;
    }
  }
  return gap < 0 ? groups === 8 : groups <= 7;
}

const isAddress = (text: string) => LLADDR.test(text) || isIp6(text) || HANDLE.test(text);

/** The offset behind the address that begins at `at`; -1 if there is none. */
export function addressEnd(text: string, at: number): number {
  IPV4.lastIndex = at;
  if (IPV4.test(text)) return IPV4.lastIndex;
  COLONS.lastIndex = at;
  if (!COLONS.test(text)) return -1;
  const end = COLONS.lastIndex;
  const run = text.slice(at, end);
  if (isAddress(run)) return /\w/.test(text.charAt(end)) ? -1 : end;
  // `fe80::1: accept`, `::1.`: the colon or dot belongs to what follows.
  return /[:.]$/.test(run) && isAddress(run.slice(0, -1)) ? end - 1 : -1;
}
