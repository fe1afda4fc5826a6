/**
 * `ww lab-host NAME`, for the lab alone: a host's application, run in its network namespace. It serves a page that says
 * hello, by name, to the address that it sees, and gets such pages: a line of JSON asks, a line answers. It ends with its
 * standard input, and so with the lab however that ends.
 */
import { createServer, get } from 'node:http';
import { createInterface } from 'node:readline';
import { Command } from 'commander';
import { EXIT_DONE, type MakeCommand } from './command_line.js';
import { LAB_FORWARD } from './lab_plan.js';

export interface LabHostRequest {
  readonly id: number;
  readonly to: string;
  readonly port: number;
}

export interface LabHostAnswer {
  readonly id: number;
  /** null: it did not come. */
  readonly text: string | null;
}

export const helloText = (address: string, name: string) => `Hello ${address}, this is the ${name} host.\n`;

export const makeLabHostCommand: MakeCommand = (report) =>
  new Command('lab-host').argument('<name>').action(async (name: string) => {
    await serve(name);
    process.stdout.write('ready\n');
    for await (const line of createInterface({ input: process.stdin })) answer(JSON.parse(line));
    report(EXIT_DONE);
    process.exit(EXIT_DONE);
  });

function serve(name: string): Promise<void> {
  const server = createServer(({ socket }, response) => {
    const address = (socket.remoteAddress ?? '').replace(/^::ffff:/, '');
    response.setHeader('connection', 'close').end(helloText(address, name));
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject).listen(LAB_FORWARD.to, '::', () => resolve());
  });
}

function answer({ id, to, port }: LabHostRequest): void {
  const say = (text: string | null) => {
    process.stdout.write(`${JSON.stringify({ id, text } satisfies LabHostAnswer)}\n`);
  };
  const request = get({ host: to, port, agent: false }, (response) => {
    let text = '';
    response.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
    });
    response.once('end', () => say(text));
  });
  request.once('error', () => say(null));
}
