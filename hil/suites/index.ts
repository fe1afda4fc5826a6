/** The suites, in the order in which they run: what fails first says most. */
import type { Suite } from '../rig/suite.js';
import { boardSuite } from './board_suite.js';
import { faultSuite } from './fault_suite.js';
import { iperfSuite } from './iperf_suite.js';
import { pingSuite } from './ping_suite.js';
import { transferSuite } from './transfer_suite.js';

export const SUITES: readonly Suite[] = [boardSuite, pingSuite, transferSuite, iperfSuite, faultSuite];
