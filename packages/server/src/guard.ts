import { HttpError } from './problem.ts';

export interface Door {
  /** Names and addresses by which the service may be called, lower case: `localhost`, `127.0.0.1`, `[::1]`. */
  readonly hosts: readonly string[];
}

export interface Arrival {
  readonly host: string | undefined;
  readonly origin: string | undefined;
  /** Address at this end of the connection. */
  readonly localAddress: string | undefined;
}

/**
 * Refuses what a web page in somebody's browser could send: a name that leads to us without being ours (DNS rebinding), and requests from pages of
 * others. Pure.
 */
export function checkArrival({ hosts }: Door, { host, origin, localAddress }: Arrival): void {
  const name = hostName(host);
  const own = addressName(localAddress);
  if (name === undefined || (!hosts.includes(name) && name !== own)) {
    throw new HttpError('PERMISSION_DENIED', `this service is not called ${JSON.stringify(host ?? '')}`, {
      hint: 'Call it by its address, or start it with `--allow-host NAME`.',
    });
  }
  if (origin === undefined) return;
  if (origin !== `http://${host}` && origin !== `https://${host}`) {
    throw new HttpError('PERMISSION_DENIED', `requests from pages of ${origin} are refused`, {
      hint: 'Browsers are not answered but on the pages of the service itself.',
    });
  }
}

/** Without the port. */
function hostName(host: string | undefined): string | undefined {
  return /^(\[[0-9a-f:.]+\]|[^:/@\s]+)(:\d{1,5})?$/i.exec(host ?? '')?.[1]?.toLowerCase();
}

function addressName(address: string | undefined): string | undefined {
  if (address === undefined) return undefined;
  const plain = address.toLowerCase().replace(/^::ffff:(?=\d+\.)/, '');
  return plain.includes(':') ? `[${plain}]` : plain;
}

/** Kinds of body that a page cannot send without asking first, which nobody answers. */
export function checkBodyType(type: string | undefined, allowed: readonly string[]): void {
  const kind = type?.split(';')[0]?.trim().toLowerCase() ?? '';
  if (allowed.includes(kind)) return;
  throw new HttpError('INVALID_ARGUMENT', `a body of type ${JSON.stringify(type ?? '')} is not taken here`, {
    status: 415,
    hint: `Send \`Content-Type: ${allowed[0]}\`${allowed.length > 1 ? `, or one of ${allowed.slice(1).join(', ')}` : ''}.`,
  });
}
