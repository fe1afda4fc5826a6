/** `ww nft -f FILE` into a router that runs: over the control socket, as one transaction, with errors at their places. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type NftOptions, runNft } from '../../src/cli/nft_run.js';
import type { Namespace } from '../../src/net/namespace.js';
import { controlFolder } from '../../src/services/control_protocol.js';
import { ControlServer } from '../../src/services/control_server.js';
import { NetfilterControl } from '../../src/services/netfilter_control.js';
import { TraceFeed } from '../../src/services/trace_feed.js';
import { createStack, type Stack } from '../../src/stack.js';

const NFT_MSG_GETTABLE = 0x0a01;
const NFT_MSG_GETRULE = 0x0a07;
const directory = mkdtempSync(join(tmpdir(), 'ww-nft-load-'));
let stack: Stack;
let namespace: Namespace;
let server: ControlServer;

beforeAll(async () => {
  vi.stubEnv('XDG_RUNTIME_DIR', directory);
  stack = await createStack();
  namespace = await stack.namespace('router');
  await namespace.addVeth({
    name: 'wan0',
    mac: '02:00:00:00:00:01',
    peer: { namespace, name: 'wan1', mac: '02:00:00:00:00:02' },
  });
  const rules = new NetfilterControl(stack.core, namespace);
  server = await ControlServer.open(controlFolder()!, new Map(), new TraceFeed(stack.core), rules);
});

afterAll(async () => {
  await server.close();
  await stack.close();
  vi.unstubAllEnvs();
  rmSync(directory, { recursive: true });
});

async function nft(words: string[], options: NftOptions = {}) {
  let said = '';
  const say = (more: string) => {
    said += more;
  };
  const code = await runNft(words, options, { out: say, err: say });
  return { code, said: said.replaceAll(`${directory}/`, '') };
}

async function load(text: string) {
  const path = join(directory, 'rules.nft');
  writeFileSync(path, text);
  return nft([], { file: path });
}

test('rules are in the router, with the indexes of its own links', async () => {
  const rules = `table ip fw {
    chain input {
      type filter hook input priority 0; policy drop;
      iif wan0 ip saddr 10.0.0.0/8 counter accept
      meta mark 5 drop
    }
  }\n`;
  expect(await load(rules)).toEqual({ code: 0, said: '' });
  expect(await namespace.nfnl.dump(NFT_MSG_GETTABLE, 0)).toHaveLength(1);
  expect(await namespace.nfnl.dump(NFT_MSG_GETRULE, 0)).toHaveLength(2);
});

test('of what the router refuses nothing is loaded, and its place is told', async () => {
  const { code, said } = await load('add table ip more\ncreate table ip fw\n');
  expect(code).toBe(1);
  expect(said).toContain('rules.nft:2:');
  expect(said).toContain('Error: Could not process rule: File exists');
  expect(await namespace.nfnl.dump(NFT_MSG_GETTABLE, 0)).toHaveLength(1);
});

test('the rules of a running router are listed as nft lists them, and load again', async () => {
  const rules = `table inet home {
	set lan {
		type ipv4_addr
		flags interval
		elements = { 10.0.0.0/8, 192.168.1.1-192.168.1.9 }
	}

	chain input {
		type filter hook input priority filter; policy drop;
		ct state established,related accept
		iif "wan0" tcp dport { 22, 443 } counter packets 0 bytes 0 accept
		ip saddr @lan icmp type echo-request limit rate 5/second accept comment "ping"
	}
}
`;
  await nft(['flush', 'ruleset']);
  expect(await load(rules)).toEqual({ code: 0, said: '' });
  expect(await nft(['list', 'ruleset'])).toEqual({ code: 0, said: rules });
  expect(await nft(['list', 'table', 'inet', 'home'])).toEqual({ code: 0, said: rules });
  const { said: json } = await nft(['list', 'ruleset'], { json: true });
  await nft(['flush', 'ruleset']);
  expect(await nft(['list', 'ruleset'])).toEqual({ code: 0, said: '' });
  const path = join(directory, 'rules.json');
  writeFileSync(path, json);
  expect(await nft([], { file: path, json: true })).toEqual({ code: 0, said: '' });
  expect(await nft(['list', 'ruleset'])).toEqual({ code: 0, said: rules });
});
