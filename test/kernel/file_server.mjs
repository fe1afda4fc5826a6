/**
 * Serves one file by FTP (RFC 959, RFC 2428) and TFTP (RFC 1350) on all addresses of a network namespace, in each way that
 * a firewall's helpers have to know: active and passive data connections, and a TFTP answer from another port.
 *
 *   node file_server.mjs FILE        prints "ready"; ends with its standard input
 */
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';

const FTP_PORT = 21;
const TFTP_PORT = 69;
const BLOCK_BYTES = 512;
const [RRQ, DATA, ACK] = [1, 3, 4];
const content = readFileSync(process.argv[2]);

const plain = (address) => address.replace(/^::ffff:/, '');

/** One control connection. `open`: gives the data connection that was agreed upon. */
function serveFtp(control) {
  let open = null;
  const say = (text) => control.write(`${text}\r\n`);
  const passive = () =>
    new Promise((resolve) => {
      const server = createServer((socket) => {
        server.close();
        arrived(socket);
      });
      let arrived;
      const data = new Promise((come) => {
        arrived = come;
      });
      open = () => data;
      server.listen(0, '::', () => resolve(server.address().port));
    });
  const active = (host, port) => {
    open = () =>
      new Promise((resolve, reject) => {
        // "The server ... initiates the data connection from port L-1" (RFC 959 §3.2).
        const socket = connect({ host, port, localPort: FTP_PORT - 1 }, () => resolve(socket));
        socket.once('error', reject);
      });
    say('200 done');
  };
  const commands = {
    USER: () => say('331 any password'),
    PASS: () => say('230 come in'),
    PWD: () => say('257 "/"'),
    TYPE: () => say('200 done'),
    SIZE: () => say(`213 ${content.length}`),
    QUIT: () => control.end('221 bye\r\n'),
    PASV: async () => {
      const port = await passive();
      const address = plain(control.localAddress).replaceAll('.', ',');
      say(`227 Entering Passive Mode (${address},${port >> 8},${port & 255})`);
    },
    EPSV: async () => say(`229 Entering Extended Passive Mode (|||${await passive()}|)`),
    PORT: (text) => {
      const [a, b, c, d, high, low] = text.split(',').map(Number);
      active(`${a}.${b}.${c}.${d}`, high * 256 + low);
    },
    EPRT: (text) => {
      const [, , host, port] = text.split(text[0]);
      active(host, Number(port));
    },
    RETR: async () => {
      say('150 here it comes');
      try {
        const socket = await open();
        socket.end(content);
        socket.once('close', () => say('226 done'));
      } catch (error) {
        say(`425 ${error.code}`);
      }
    },
  };
  control.on('error', () => control.destroy());
  say('220 ready');
  createInterface({ input: control }).on('line', (line) => {
    const [name, ...rest] = line.trim().split(' ');
    const command = commands[name.toUpperCase()];
    if (command === undefined) say('502 not known');
    else void command(rest.join(' '));
  });
}

/** Each transfer answers from a port of its own: "a TID ... randomly chosen" (RFC 1350 §4). */
function serveTftp(to) {
  const socket = createSocket('udp6');
  let block = 1;
  const send = () => {
    const head = Buffer.from([0, DATA, block >> 8, block & 255]);
    const data = content.subarray((block - 1) * BLOCK_BYTES, block * BLOCK_BYTES);
    socket.send(Buffer.concat([head, data]), to.port, to.address);
    return data.length;
  };
  let sent = send();
  socket.on('message', (message) => {
    if (message.readUInt16BE(0) !== ACK || message.readUInt16BE(2) !== (block & 0xffff)) return;
    if (sent < BLOCK_BYTES) {
      socket.close();
      return;
    }
    block++;
    sent = send();
  });
}

const tftp = createSocket('udp6');
tftp.on('message', (message, from) => {
  if (message.readUInt16BE(0) === RRQ) serveTftp(from);
});
createServer(serveFtp).listen(FTP_PORT, '::', () => {
  tftp.bind(TFTP_PORT, '::', () => process.stdout.write('ready\n'));
});
process.stdin.resume().once('end', () => process.exit(0));
