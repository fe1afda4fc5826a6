/** Connections of two routers made comparable: lines of /proc/net/nf_conntrack without what cannot be equal. */

/** Seconds that a connection's end may lie apart: Linux's clock goes on while it is read. */
const TOLERANCE_S = 2;

export interface ConnectionLine {
  text: string;
  timeout: number;
}

/** `use` counts the reader, too; a timeout is compared by itself; of GRE /proc tells the two that it may have. */
export function connectionLine(line: string): ConnectionLine {
  const found = /^(ipv[46]\s+\d+\s+\S+\s+\d+ )(\d+) (.*?) ?use=\d+$/.exec(line.trim());
  if (found === null) throw new Error(`no line of nf_conntrack: ${line}`);
  const text = (found[1]! + found[3]!).replaceAll(/(?:src|dst)=(\S+)/g, (all, address: string) =>
    all.replace(address, short(address)),
  );
  return {
    text: text.replace(/timeout=\d+, stream_timeout=\d+ /, '').replaceAll(/\s+/g, ' '),
    timeout: Number(found[2]),
  };
}

/** /proc has IPv6 addresses in full; an address whose groups are all 0 from some point on is the same in short. */
function short(address: string): string {
  if (!address.includes(':')) return address;
  const [front, back] = address.split('::') as [string, string | undefined];
  const groups = front.split(':').filter(Boolean);
  const rest = (back ?? '').split(':').filter(Boolean);
  const middle = back === undefined ? 0 : 8 - groups.length - rest.length;
  return [...groups, ...Array.from({ length: middle }, () => '0'), ...rest]
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}

function sorted(lines: readonly string[]): ConnectionLine[] {
  return lines.map(connectionLine).toSorted((a, b) => (a.text < b.text ? -1 : 1));
}

/** What differs, or undefined. */
export function connectionsDiffer(linux: readonly string[], ours: readonly string[]): string | undefined {
  const a = sorted(linux);
  const b = sorted(ours);
  const show = (lines: readonly ConnectionLine[]): string =>
    lines.map(({ text, timeout }) => `${text} (${timeout} s)`).join('\n');
  const differs =
    a.length !== b.length ||
    a.some((line, i) => line.text !== b[i]!.text || Math.abs(line.timeout - b[i]!.timeout) > TOLERANCE_S);
  if (!differs) return undefined;
  const onlyA = a.filter(
    (x) => !b.some((y) => x.text === y.text && Math.abs(x.timeout - y.timeout) <= TOLERANCE_S),
  );
  const onlyB = b.filter(
    (x) => !a.some((y) => x.text === y.text && Math.abs(x.timeout - y.timeout) <= TOLERANCE_S),
  );
  return `only Linux:\n${show(onlyA)}\nonly ours:\n${show(onlyB)}`;
}
