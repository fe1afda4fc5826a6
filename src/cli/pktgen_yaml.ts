/**
 * Streams of a YAML file: a list under `streams`, each with the words of the command line.
 *
 *   streams:
 *     - { rate: 10kpps, size: imix, flows: 100, proto: udp, vlan: [10] }
 *     - { rate: 1kpps, proto: icmp, dst: 198.19.0.7, dscp: 46 }
 */
import { readFile } from 'node:fs/promises';
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { NetError } from '../net_error.js';
import { planStream, STREAM_WORDS, type StreamPlan, type StreamWords } from './pktgen_plan.js';

const FLAGS: ReadonlySet<string> = new Set(['df', 'random', 'ipv6']);

/** src-mac and srcMac are the same word. */
const camel = (name: string) => name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());

export async function readStreams(path: string): Promise<StreamPlan[]> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new NetError(cause.code ?? 'EIO', `cannot read ${path}: ${cause.code}`, { cause });
  });
  return parseStreams(path, text);
}

export function parseStreams(path: string, text: string): StreamPlan[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const place = (node: Node | null | undefined) => {
    const { line, col } = lines.linePos(node?.range?.[0] ?? 0);
    return `${path}:${line}:${col}`;
  };
  const mistake = (node: Node | null | undefined, what: string) =>
    new NetError('EINVAL', `${place(node)}: ${what}`);
  const [error] = document.errors;
  if (error !== undefined) {
    const { line, col } = lines.linePos(error.pos[0]);
    throw new NetError('EINVAL', `${path}:${line}:${col}: ${error.message.split('\n')[0]}`);
  }
  const top = document.contents;
  const list = isMap(top) ? top.get('streams', true) : undefined;
  if (!isMap(top) || !isSeq(list) || list.items.length === 0)
    throw mistake(top, "no streams; 'streams:' with a list of at least one would be right");
  for (const { key } of top.items) {
    if (isScalar(key) && key.value !== 'streams')
      throw mistake(key, `'${String(key.value)}': only 'streams' is known`);
  }
  return list.items.map((item) => {
    if (!isMap(item)) throw mistake(item as Node, "a stream is a map, like '{ rate: 10kpps, size: imix }'");
    const words: Record<string, unknown> = {};
    for (const { key, value } of item.items) {
      const name = isScalar(key) ? camel(String(key.value)) : '';
      if (!STREAM_WORDS.includes(name as keyof StreamWords))
        throw mistake(
          key as Node,
          `'${isScalar(key) ? String(key.value) : ''}' is no word of a stream: ${STREAM_WORDS.join(', ')}`,
        );
      words[name] = wordOf(name, value as Node | null, mistake);
    }
    try {
      return planStream(words as StreamWords);
    } catch (cause) {
      throw cause instanceof NetError ? mistake(item, cause.message) : cause;
    }
  });
}

/** Text as it stands in the file, so that 0x0800 stays what it is; a list for vlan, a truth for flags. */
function wordOf(
  name: string,
  node: Node | null,
  mistake: (node: Node | null, what: string) => NetError,
): unknown {
  const scalar = (part: Node | null): string => {
    if (!isScalar(part) || part.value === null) throw mistake(part, `'${name}' wants a single value`);
    return part.source ?? String(part.value);
  };
  if (name === 'vlan') return (isSeq(node) ? (node.items as Node[]) : [node]).map(scalar);
  if (!FLAGS.has(name)) return scalar(node);
  if (!isScalar(node) || typeof node.value !== 'boolean') throw mistake(node, `'${name}' is true or false`);
  return node.value;
}
