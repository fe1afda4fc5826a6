/**
 * Multicast routing of a namespace with static groups: interfaces, entries, and what the core has none for. The words
 * are those of smcroute(8) and `ip mroute`.
 */
import { EventType } from '../../assembly/abi/event.js';
import { MfcRec, MrouteRec, MsgType, VifRec } from '../../assembly/abi/request.js';
import { formatIp } from '../config/ip_address.js';
import type { Core, CoreEvent } from '../core/core.js';
import type { Message } from '../core/requests.js';
import { NetError } from '../net_error.js';
import { AF_INET, type AddressFamily, address, getAddress, putAddress } from './ip.js';
import { u64 } from './link.js';

const MAXVIFS = 32;
const TTL_NEVER = 255;
const GROUP_RECORD = 0x80000000;

export interface VifInfo {
  vif: number;
  ifindex: number;
  threshold: number;
  packetsIn: number;
  packetsOut: number;
  bytesIn: number;
  bytesOut: number;
}

export interface MrouteSpec {
  /** Default: any source. */
  source?: string;
  /** Default: any group. */
  group?: string;
  /** VIF that the packets come by. */
  from: number;
  /** VIFs they go to, with the TTL that a packet has to exceed (default 1). */
  to: readonly (number | { vif: number; ttl: number })[];
  /** (*,G) and (*,*) of several trees differ by `from` (Linux: MRT_ADD_MFC_PROXY). */
  proxy?: boolean;
}

export interface MrouteInfo {
  source: string;
  group: string;
  from: number;
  to: { vif: number; ttl: number }[];
  packets: number;
  bytes: number;
  wrongInterface: number;
  lastUseMs: number;
}

export interface MrouteEvent {
  /** No entry for the group, or a packet of an entry by another interface than its `from`. */
  kind: 'nocache' | 'wrongvif';
  vif: number;
  ifindex: number;
  source: string;
  group: string;
}

export class MulticastRouting {
  constructor(
    private readonly core: Core,
    private readonly net: number,
    readonly family: AddressFamily,
  ) {}

  /** net.ipv4.conf.all.mc_forwarding (ipv6 likewise) follows. Off ends interfaces and entries. */
  async enable(on = true): Promise<void> {
    const fill = (v: DataView, at: number) => {
      this.head(v, at);
      v.setUint32(at + MrouteRec.ON, on ? 1 : 0, true);
    };
    await this.core.request({ type: MsgType.MROUTE_INIT, bytes: MrouteRec.SIZE, fill }, 'multicast routing');
  }

  private head(v: DataView, at: number): void {
    v.setUint32(at, this.net, true);
    v.setUint32(at + 4, this.family, true);
  }

  async addVif(vif: number, link: { ifindex: number }, threshold = 1): Promise<void> {
    await this.core.request(this.vif(MsgType.VIF_NEW, vif, link.ifindex, threshold), `VIF ${vif}`);
  }

  async deleteVif(vif: number): Promise<void> {
    await this.core.request(this.vif(MsgType.VIF_DEL, vif, 0, 0), `VIF ${vif}`);
  }

  private vif(type: MsgType, vif: number, ifindex: number, threshold: number): Message {
    return {
      type,
      bytes: VifRec.SIZE,
      fill: (v, at) => {
        this.head(v, at);
        v.setUint32(at + VifRec.VIF, vif, true);
        v.setInt32(at + VifRec.IFINDEX, ifindex, true);
        v.setUint32(at + VifRec.THRESHOLD, threshold, true);
      },
    };
  }

  async vifs(): Promise<VifInfo[]> {
    const found: VifInfo[] = [];
    const read = (v: DataView, at: number) =>
      found.push({
        vif: v.getUint32(at + VifRec.VIF, true),
        ifindex: v.getInt32(at + VifRec.IFINDEX, true),
        threshold: v.getUint32(at + VifRec.THRESHOLD, true),
        packetsIn: u64(v, at + VifRec.PKT_IN),
        packetsOut: u64(v, at + VifRec.PKT_OUT),
        bytesIn: u64(v, at + VifRec.BYTES_IN),
        bytesOut: u64(v, at + VifRec.BYTES_OUT),
      });
    await this.core.dump(MsgType.VIF_DUMP, this.net, this.family, VifRec.SIZE, read, 'VIFs');
    return found;
  }

  async add(spec: MrouteSpec): Promise<void> {
    await this.core.request(this.mfc(MsgType.MFC_NEW, spec), this.title(spec));
  }

  async delete(spec: Omit<MrouteSpec, 'to'>): Promise<void> {
    await this.core.request(this.mfc(MsgType.MFC_DEL, { ...spec, to: [] }), this.title(spec));
  }

  private title({ source, group }: { source?: string; group?: string }): string {
    return `multicast route (${source ?? '*'},${group ?? '*'})`;
  }

  private mfc(type: MsgType, spec: MrouteSpec): Message {
    const ttls = new Uint8Array(MAXVIFS).fill(TTL_NEVER);
    for (const one of spec.to) {
      const { vif, ttl } = typeof one === 'number' ? { vif: one, ttl: 1 } : one;
      if (vif < 0 || vif >= MAXVIFS || ttl < 1 || ttl > 254)
        throw new NetError('EINVAL', `VIF ${vif} with TTL ${ttl}: 0 to 31, and 1 to 254`);
      ttls[vif] = ttl;
    }
    return {
      type,
      bytes: MfcRec.SIZE,
      fill: (v, at) => {
        this.head(v, at);
        v.setInt32(at + MfcRec.PARENT, spec.from, true);
        v.setUint32(at + MfcRec.PROXY, spec.proxy === true ? 1 : 0, true);
        if (spec.source !== undefined) putAddress(v, at + MfcRec.ORIGIN, this.own(spec.source));
        if (spec.group !== undefined) putAddress(v, at + MfcRec.GROUP, this.own(spec.group));
        new Uint8Array(v.buffer, v.byteOffset + at + MfcRec.TTLS, MAXVIFS).set(ttls);
      },
    };
  }

  private own(text: string): Uint8Array {
    const { family, bytes } = address(text);
    if (family !== this.family)
      throw new NetError('EINVAL', `${text} is not of IPv${this.family === AF_INET ? 4 : 6}`);
    return bytes;
  }

  async routes(): Promise<MrouteInfo[]> {
    const found: MrouteInfo[] = [];
    const text = (v: DataView, at: number) => formatIp(getAddress(v, at, this.family));
    const read = (v: DataView, at: number) => {
      const ttls = [...new Uint8Array(v.buffer, v.byteOffset + at + MfcRec.TTLS, MAXVIFS)];
      found.push({
        source: text(v, at + MfcRec.ORIGIN),
        group: text(v, at + MfcRec.GROUP),
        from: v.getInt32(at + MfcRec.PARENT, true),
        to: ttls.flatMap((ttl, vif) => (ttl === TTL_NEVER ? [] : [{ vif, ttl }])),
        packets: u64(v, at + MfcRec.PKT),
        bytes: u64(v, at + MfcRec.BYTES),
        wrongInterface: u64(v, at + MfcRec.WRONG_IF),
        lastUseMs: u64(v, at + MfcRec.LAST_USE_MS),
      });
    };
    await this.core.dump(MsgType.MFC_DUMP, this.net, this.family, MfcRec.SIZE, read, 'multicast routes');
    return found;
  }

  /** Hears of groups without entry, and of packets by a wrong interface. Returns how to stop. */
  onEvent(listener: (event: MrouteEvent) => void): () => void {
    let source = '';
    return this.core.onEvent((event: CoreEvent) => {
      const wrong = event.type === EventType.MROUTE_WRONGVIF;
      if ((!wrong && event.type !== EventType.MROUTE_NOCACHE) || event.net !== this.net) return;
      if (event.family !== this.family) return;
      const text = formatIp(event.address.slice(0, this.family === AF_INET ? 4 : 16));
      if (event.b < GROUP_RECORD) {
        source = text;
        return;
      }
      const vif = event.b - GROUP_RECORD;
      listener({ kind: wrong ? 'wrongvif' : 'nocache', vif, ifindex: event.ifindex, source, group: text });
    });
  }
}
