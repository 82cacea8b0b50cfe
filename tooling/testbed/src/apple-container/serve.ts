import { chmodSync } from 'node:fs';
import { createServer } from 'node:net';
import { Caller } from './caller.ts';
import { main } from './main.ts';

/** How long it stays when nobody asks for anything. */
const IDLE_MS = 10_000;

const [path = ''] = process.argv.slice(2);
let open = 0;
let idle = setTimeout(end, IDLE_MS);

const server = createServer(async (socket) => {
  clearTimeout(idle);
  open += 1;
  socket.on('close', () => {
    open -= 1;
    clearTimeout(idle);
    if (open === 0) idle = setTimeout(end, IDLE_MS);
  });
  const caller = new Caller(socket);
  const { argv, surroundings } = await caller.request;
  caller.end(await main(argv, surroundings));
});
// Another one was quicker, and serves.
server.on('error', () => process.exit(0));
server.listen(path, () => chmodSync(path, 0o600));

function end(): void {
  process.exit(0);
}
