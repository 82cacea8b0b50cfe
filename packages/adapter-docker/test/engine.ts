import { request } from 'node:http';

/** The engine's API without anything of ours, to look at what the adapter did from outside. */
export function engine<T>(
  method: string,
  path: string,
  body?: object,
  socketPath = '/var/run/docker.sock',
): Promise<T> {
  return new Promise((resolve, reject) => {
    const data = Buffer.isBuffer(body) ? body : Buffer.from(body === undefined ? '' : JSON.stringify(body));
    const type = Buffer.isBuffer(body) ? 'application/x-tar' : 'application/json';
    const headers = { 'Content-Type': type, 'Content-Length': data.length };
    const call = request({ socketPath, method, path, headers }, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => {
        if ((response.statusCode ?? 500) >= 400) reject(new Error(`${response.statusCode}: ${text}`));
        else resolve((text === '' ? undefined : JSON.parse(text)) as T);
      });
    });
    call.on('error', reject).end(data);
  });
}

/** Checks again and again until it holds. */
export async function eventually(check: () => Promise<boolean>, ms = 10_000): Promise<void> {
  const end = performance.now() + ms;
  while (!(await check())) {
    if (performance.now() > end) throw new Error(`not so within ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
