/**
 * Our side of the nft suite: a ruleset in nft's language before a router in memory (bench/core/forward), whose rules
 * run as generated code or by the interpreter.
 */
import type { JitMode } from '../../src/core/jit/emit_chain.js';
import { NftJit } from '../../src/core/jit/nft_jit.js';
import { encodeBatch } from '../../src/nft/encode/message.js';
import { compile, readCommands } from '../../src/nft/nft.js';
import { joinMessages } from '../../src/netlink/nlmsg.js';
import type { Progress } from '../suite.js';
import { ForwardBench } from '../core/forward.js';

const PREFIXES = 16;
/** Until V8 has compiled what is new with all its care. */
const WARM_PACKETS = 1 << 18;

/** A ruleset's text as the batch that loads it. */
export function batchOf(ruleset: string): Uint8Array {
  const commands = readCommands({ name: 'bench', text: ruleset });
  return joinMessages(encodeBatch(compile(commands).ir).map(({ bytes }) => bytes));
}

export class OurRules {
  private constructor(
    private readonly forward: ForwardBench,
    private readonly jit: NftJit | undefined,
  ) {}

  /** `mode` off: the interpreter. */
  static async create(ruleset: string, mode: JitMode | 'off', progress: Progress): Promise<OurRules> {
    const forward = await ForwardBench.create(progress, { prefixes: PREFIXES });
    const { stack, router } = forward;
    const failed = (await router.nfnl.batch(batchOf(ruleset))).filter(({ error }) => error !== 0);
    if (failed.length > 0) throw new Error(`the core refuses ${failed.length} messages of the ruleset`);
    forward.hot();
    let jit: NftJit | undefined;
    if (mode !== 'off') {
      jit = new NftJit(stack.core, mode, (error) => {
        throw error;
      });
      await jit.sync(router.handle);
    }
    const rules = new OurRules(forward, jit);
    rules.nsPerPacket(WARM_PACKETS);
    return rules;
  }

  nsPerPacket(packets: number): number {
    return 1000 / this.forward.mpps(packets);
  }

  async close(): Promise<void> {
    this.jit?.close();
    await this.forward.close();
  }
}
