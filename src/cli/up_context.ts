/** What `ww up` hands to the router or the lab that it starts. */
import type { Logger } from 'pino';
import type { LinkConfig } from '../config/router_config.js';
import type { RouterPort } from './router_port.js';
import type { Screen } from './screen.js';

export interface UpContext {
  readonly log: Logger;
  /** Where live figures are drawn; null in a pipe and with --json. */
  readonly screen: Screen | null;
  /** Ends by itself after so many seconds. */
  readonly durationS?: number;
  /** One summary object on stdout at the end. */
  readonly json: boolean;
  /** A folder for one pcapng file per port. */
  readonly pcapDir?: string;
  /** Replay: stands in for the ports that the file names; nothing answers there. */
  readonly openPort?: (link: LinkConfig) => RouterPort;
}
