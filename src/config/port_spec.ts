/** Port specifications in a configuration. The one place of this folder that knows how a port is written. */

const HINT = 'write tap:NAME, udp:LOCAL_IP:PORT-REMOTE_IP:PORT or pcap:FILE';
const ENDPOINT = String.raw`(?:\d+(?:\.\d+){3}|\[[0-9a-f:.]+\]):\d{1,5}`;
const UDP = new RegExp(`^${ENDPOINT}-${ENDPOINT}$`, 'i');

/** null when the port can be opened as it is written, else what is wrong and what would be right. */
export function whyNotPort(spec: string): { message: string; hint: string } | null {
  const colon = spec.indexOf(':');
  const kind = colon === -1 ? spec : spec.slice(0, colon);
  const rest = colon === -1 ? '' : spec.slice(colon + 1);
  switch (kind) {
    case 'tap':
      if (/^[^\s/:]{1,15}$/.test(rest)) return null;
      return {
        message: `"${spec}" is not a TAP port`,
        hint: 'write tap:NAME with a name of 1 to 15 characters',
      };
    case 'udp':
      if (UDP.test(rest)) return null;
      return { message: `"${spec}" is not a UDP port`, hint: 'write udp:127.0.0.1:7001-127.0.0.1:7002' };
    case 'pcap':
      if (rest !== '') return null;
      return { message: `"${spec}" names no file`, hint: 'write pcap:FILE, for example pcap:in.pcapng' };
    default:
      return { message: `"${spec}" is not a port`, hint: HINT };
  }
}
