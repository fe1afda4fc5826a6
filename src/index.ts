/** The public API of wirewright. */
export { VirtualClock, RealClock, type Clock } from './core/clock.js';
export type { Core, CoreDelivery, CoreEvent, PortState } from './core/core.js';
export type { CoreSizes } from './core/instance.js';
export type { Driver } from './drivers/driver.js';
export { openPort } from './drivers/open.js';
export { NetError } from './net_error.js';
export { AF_INET, AF_INET6 } from './net/ip.js';
export { Link, type AddressInfo, type LinkInfo, type LinkStats } from './net/link.js';
export type { LinkData, LinkKind, LinkSpec } from './net/link_kind.js';
export { Namespace, type HookSpec } from './net/namespace.js';
export type { NeighbourInfo, NeighbourSpec, NudState } from './net/neighbour.js';
export type { RouteInfo, RouteSpec, RouteType } from './net/route.js';
export { createStack, type Stack, type StackOptions, type PortOptions } from './stack.js';
export { type PingOptions, type PingResult, Pinger, ping } from './tools/ping.js';
