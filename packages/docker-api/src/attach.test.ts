import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { rawProcess } from './attach.ts';

const directory = mkdtempSync(join(tmpdir(), 'attach-'));
afterAll(() => rmSync(directory, { recursive: true }));

/** Both ends of a connection as engines give one. */
async function connection(): Promise<{ near: Socket; far: Socket }> {
  const path = join(directory, `s-${Math.random()}`);
  const server = createServer({ allowHalfOpen: true });
  const far = new Promise<Socket>((resolve) => server.once('connection', resolve));
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const near = createConnection({ path, allowHalfOpen: true });
  const ends = { near, far: (await far).on('error', () => {}) };
  server.close();
  return ends;
}

const frame = (text: string) => {
  const header = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32BE(text.length, 4);
  return Buffer.concat([header, Buffer.from(text)]);
};
const lost = (error: unknown) => new Error(`lost: ${error}`);

describe('rawProcess', () => {
  it('has all that a process said which ended before its stdin was written', async () => {
    const { near, far } = await connection();
    const process = rawProcess(near, async () => 3, lost);
    far.write(frame('do'));
    far.write(frame('ne'));
    far.destroy();
    // Before Node has looked whether there is something to read.
    process.stdin.end(Buffer.alloc(1024 * 1024));
    expect(String(Buffer.concat(await process.stdout.toArray()))).toBe('done');
    expect(await process.wait()).toEqual({ exitCode: 3 });
  });

  it('has all that a process said which left some of its stdin unread', async () => {
    const { near, far } = await connection();
    far.pause();
    const process = rawProcess(near, async () => 0, lost);
    await new Promise((resolve) => process.stdin.write('unread', resolve));
    far.write(frame('done'));
    far.destroy();
    expect(String(Buffer.concat(await process.stdout.toArray()))).toBe('done');
    expect(await process.wait()).toEqual({ exitCode: 0 });
  });

  it('fails its reader when the other end sends no frames', async () => {
    const { near, far } = await connection();
    const process = rawProcess(near, async () => 0, lost);
    far.write('HTTP/1.1 500 Oh no\r\n');
    await expect(process.stdout.toArray()).rejects.toThrow('not a stream of frames');
    far.destroy();
  });
});
