/**
 * The lab with hosts of the kernel: two network namespaces, each with a TAP whose other side is a port of our router.
 *
 *   ww-lan-PID-START                  this process                  ww-wan-PID-START
 *   eth0 ══ TAP ══ fd ── lan0 ── the router's namespace ── wan0 ── fd ══ TAP ══ eth0
 */
import type { Link } from '../net/link.js';
import { createStack } from '../stack.js';
import { cleanupStale, createLabNamespaces, type KernelLab, labNames, removeLab } from './lab_kernel.js';
import type { LabHosts } from './lab_hosts.js';
import { startKernelHosts } from './lab_hosts_kernel.js';
import { LAB_LAN, LAB_WAN } from './lab_plan.js';
import { labHints, proveLab } from './lab_proof.js';
import { type HomeRouter, openHomeRouter } from './lab_router.js';
import { addRouterAddresses, forwardPackets, type Lab, skipDad } from './lab_setup.js';
import { openRouterPort, type RouterPort } from './router_port.js';
import type { UpContext } from './up_context.js';

/** Throws a NetError when this process may not, or cannot; nothing is left then. */
export async function openLabWithKernel(context: UpContext): Promise<Lab> {
  const { log, pcapDir } = context;
  const stale = cleanupStale();
  if (stale.length > 0) log.info({ namespaces: stale }, 'removed what a killed run had left');
  const names = labNames();
  const stack = await createStack();
  let hosts: KernelLab | undefined;
  let home: HomeRouter | undefined;
  let peers: LabHosts | undefined;
  const close = async () => {
    await peers?.close();
    await home?.close();
    await stack.close();
    if (hosts) removeLab(hosts);
  };
  try {
    const router = await stack.namespace('router');
    await skipDad(router);
    await forwardPackets(router);
    const links: Link[] = [];
    const ports: RouterPort[] = [];
    for (const [plan, { tap }] of [
      [LAB_LAN, names.lan],
      [LAB_WAN, names.wan],
    ] as const) {
      const { link: name, mtu } = plan;
      const captures = pcapDir === undefined ? [] : [`${pcapDir}/${name}.pcapng`];
      const port = await openRouterPort({ spec: `tap:${tap}`, mtu, captures });
      ports.push(port);
      let wasUp = false;
      const link = await stack.port(router, port.driver, {
        name,
        mtu,
        onState: ({ up, why }) => {
          // Before the host has its end, it is down as it should be.
          if (wasUp)
            log.warn({ port: name, ...(why && { why: why.message }) }, up ? 'port up again' : 'port down');
          wasUp ||= up;
        },
      });
      await addRouterAddresses(link, plan);
      links.push(link);
    }
    home = await openHomeRouter(stack, { namespace: router, links, ports }, context);
    hosts = await createLabNamespaces(names);
    peers = startKernelHosts(names);
    for (const { driver } of ports) driver.release();
    return {
      hosts: 'kernel',
      about: `hosts of the kernel: ${names.lan.namespace}, ${names.wan.namespace}`,
      hints: labHints(names),
      links,
      router: home,
      peers,
      prove: (options) => proveLab(names, options),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
