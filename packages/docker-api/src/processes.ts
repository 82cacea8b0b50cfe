import { setTimeout as sleep } from 'node:timers/promises';
import type { ExecSpec, RawProcess } from '@sandbox/core';
import { EXIT_CODE_WAIT_MS, rawProcess } from './attach.ts';
import type { EngineClient } from './client.ts';
import { saysGone } from './errors.ts';

interface Call {
  readonly operation: string;
  readonly sandbox: string;
  readonly signal?: AbortSignal | undefined;
}

/** How long an engine may take to notice that a process has ended whose streams have. */
const EXIT_SEEN_MS = 5_000;

/** How the exit code of a main process is learnt. */
interface ExitWatch {
  /** To be awaited before the start. */
  readonly watching: Promise<unknown> | undefined;
  /** Asked once the streams have ended. */
  code(): Promise<number | null>;
}

/** Starts a container with a connection to its main process that stands before the first byte of output. */
export async function openMain(
  client: EngineClient,
  id: string,
  ephemeral: boolean,
  call: Call,
  onRemoved: () => void,
): Promise<RawProcess> {
  const stopWatching = new AbortController();
  const watched = { ...call, signal: stopWatching.signal };
  const { native } = client.dialect;
  const exit: ExitWatch = native
    ? { watching: undefined, code: () => toldCode(client, native.waitPath(id), call) }
    : watchExit(client, id, watched, ephemeral ? onRemoved : undefined);
  const attaching = client.hijack({
    ...call,
    method: 'POST',
    path: `/containers/${id}/attach`,
    query: { stream: 1, stdin: 1, stdout: 1, stderr: 1 },
  });
  try {
    const [socket] = await Promise.all([attaching, exit.watching]);
    // Before the start: of a process that ends at once, the end of the connection would be missed.
    const process = rawProcess(
      socket,
      () => exit.code(),
      (error) => client.error(error, call),
    );
    await client.json({ ...call, method: 'POST', path: `/containers/${id}/start` });
    return process;
  } catch (error) {
    stopWatching.abort();
    attaching.then((socket) => socket.destroy()).catch(() => {});
    throw error;
  }
}

/**
 * Asks for the exit code before the process can have one: an ephemeral container, which `onRemoved` is for, is removed together with it, and its code is told once it has
 * been. The request does not keep Node alive; the process's own connection does.
 */
function watchExit(
  client: EngineClient,
  id: string,
  call: Call,
  onRemoved: (() => void) | undefined,
): ExitWatch {
  const watching = client.stream({
    ...call,
    method: 'POST',
    path: `/containers/${id}/wait`,
    query: { condition: onRemoved ? 'removed' : 'next-exit' },
    timeoutMs: null,
    background: true,
  });
  const code = watching
    .then(async (response) => {
      let text = '';
      for await (const chunk of response) text += String(chunk);
      return (JSON.parse(text) as { StatusCode?: number }).StatusCode ?? null;
    })
    .catch(() => null);
  code.then((known) => known !== null && onRemoved?.());
  return { watching, code: () => code };
}

/** Asks the engine's own API, which knows it also of a container that is being removed. Null where that is over. */
async function toldCode(
  client: EngineClient,
  path: string,
  { operation, sandbox }: Call,
): Promise<number | null> {
  const request = { operation, sandbox, timeoutMs: EXIT_CODE_WAIT_MS, background: true };
  const code = await client.json<unknown>({ ...request, method: 'POST', path });
  return typeof code === 'number' && code >= 0 ? code : null;
}

/** How many of these processes still run. */
export async function runningExecs(
  client: EngineClient,
  ids: readonly string[],
  call: Call,
): Promise<number> {
  const answers = await Promise.all(
    ids.map((id) =>
      client
        .json<{ Running: boolean }>({ ...call, method: 'GET', path: `/exec/${id}/json` })
        .catch((error: unknown) => {
          if (saysGone(error)) return { Running: false };
          throw error;
        }),
    ),
  );
  return answers.filter(({ Running }) => Running).length;
}

/** One more process in a running container. */
export async function openExec(
  client: EngineClient,
  id: string,
  { argv, user, env = {} }: ExecSpec,
  call: Call,
): Promise<RawProcess> {
  const exec = await client.json<{ Id: string }>({
    ...call,
    method: 'POST',
    path: `/containers/${id}/exec`,
    body: {
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
      Tty: false,
      Cmd: argv,
      Env: Object.entries(env).map(([key, value]) => `${key}=${value}`),
      ...(user && { User: `${user.uid}:${user.gid}` }),
    },
  });
  const socket = await client.hijack({
    ...call,
    method: 'POST',
    path: `/exec/${exec.Id}/start`,
    body: { Detach: false, Tty: false },
  });
  return rawProcess(
    socket,
    () => execExitCode(client, exec.Id, { operation: call.operation, sandbox: call.sandbox }),
    (error) => client.error(error, call),
  );
}

async function execExitCode(client: EngineClient, id: string, call: Call): Promise<number | null> {
  const end = performance.now() + EXIT_SEEN_MS;
  let pauseMs = 2;
  while (performance.now() < end) {
    const answer = await client.json<{ Running: boolean; ExitCode: number | null }>({
      ...call,
      method: 'GET',
      path: `/exec/${id}/json`,
    });
    if (!answer.Running) return answer.ExitCode;
    await sleep(pauseMs);
    pauseMs = Math.min(pauseMs * 2, 100);
  }
  return null;
}
