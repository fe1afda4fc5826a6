/**
 * Two hosts on one network, twice: with Linux's bridge between them and with ours.
 *
 *   LAN host ──veth── br0 (Linux) ──veth── WAN host
 *   LAN host ──TAP─── br0 (ours)  ──TAP─── WAN host
 *
 * The MAC of plan's SINK, a host that is not there, is known to be behind the WAN port.
 */
import { spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { LAN, SINK, TX_QUEUE_LEN, WAN } from './plan.js';
import { atEnd, hostCommands, inNamespace, ip, removeAll, type Site, startRouter } from './sites.js';

const SIDES = ['bll', 'blb', 'blw', 'bol', 'bow'] as const;
type Names = [string, string, string, string, string];

export class BridgeSites {
  private constructor(
    readonly linuxBridge: Site,
    readonly bridge: Site,
    private readonly remove: () => void,
    private readonly end: { cancel: () => void },
  ) {}

  static async create(): Promise<BridgeSites> {
    const namespaces = SIDES.map((side) => `ww-b-${process.pid}-${side}`);
    const [ll, lb, lw, ol, ow] = namespaces as Names;
    const children: ChildProcess[] = [];
    const remove = () => removeAll(namespaces, children);
    const end = atEnd(remove);
    try {
      ip(namespaces.map((name) => `netns add ${name}`));
      const taps = ['m', 'n'].map((side) => `wwb${process.pid.toString(36)}${side}`) as [string, string];
      const pid = await startRouter(children, `tap:${taps[0]}`, `tap:${taps[1]}`, 'bridge');
      ip([`link set ${taps[0]} netns ${ol}`, `link set ${taps[1]} netns ${ow}`]);
      ip(hostCommands(taps[0], LAN), ol);
      ip(hostCommands(taps[1], WAN), ow);
      linuxBridge(ll, lb, lw);
      const [theirs, ours] = [lw, ow].map((name) => inNamespace(name, ['sleep', 'infinity'], children).pid!);
      return new BridgeSites(
        { name: "Linux's bridge", lan: ll, wan: lw, routerPid: null, wanPid: theirs! },
        { name: 'our bridge', lan: ol, wan: ow, routerPid: pid, wanPid: ours! },
        remove,
        end,
      );
    } catch (error) {
      end.cancel();
      remove();
      throw error;
    }
  }

  close(): void {
    this.end.cancel();
    this.remove();
  }
}

function linuxBridge(ll: string, lb: string, lw: string): void {
  const suffix = process.pid.toString(36);
  ip([
    `link add wwb${suffix}g netns ${ll} type veth peer name lan0 netns ${lb}`,
    `link add wwb${suffix}h netns ${lw} type veth peer name wan0 netns ${lb}`,
  ]);
  ip(hostCommands(`wwb${suffix}g`, LAN), ll);
  ip(hostCommands(`wwb${suffix}h`, WAN), lw);
  ip(
    [
      'link add br0 type bridge',
      `link set lan0 address ${LAN.routerMac} txqueuelen ${TX_QUEUE_LEN} addrgenmode none master br0 up`,
      `link set wan0 address ${WAN.routerMac} txqueuelen ${TX_QUEUE_LEN} addrgenmode none master br0 up`,
      'link set br0 addrgenmode none up',
    ],
    lb,
  );
  const entry = ['-n', lb, 'fdb', 'add', SINK.mac, 'dev', 'wan0', 'master', 'static'];
  const { status, stderr } = spawnSync('bridge', entry, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`bridge fdb add: ${stderr}`);
}
