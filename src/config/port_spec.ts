/** Port specifications in a configuration: what src/drivers/open.ts takes, its complaint split into mistake and remedy. */
import { parsePort } from '../drivers/open.js';
import { NetError } from '../net_error.js';

const EXAMPLE = 'write tap:NAME, packet:IFACE, udp:LOCAL-REMOTE or pcap:FILE';

/** null when the port can be opened as it is written. */
export function whyNotPort(spec: string): { message: string; hint: string } | null {
  // Of the board that `core` names: checkCore looks at it.
  if (/^board:\d{1,2}$/.test(spec)) return null;
  try {
    parsePort(spec);
    return null;
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    const semicolon = error.message.indexOf('; ');
    if (semicolon === -1) return { message: error.message, hint: EXAMPLE };
    return { message: error.message.slice(0, semicolon), hint: error.message.slice(semicolon + 2) };
  }
}
