import type { InputStream } from '../cli-io.ts';

/**
 * Passes our stdin on, as fast as the command takes it and no faster. Stopping it leaves the source paused, so that it keeps nothing
 * alive, and takes no byte that the command did not get a chance to read.
 */
export function feedStdin(source: InputStream, target: WritableStream<Uint8Array>): { stop(): void } {
  const writer = target.getWriter();
  // Nobody reading any more is no failure of ours: many programs end without reading all of their input.
  writer.closed.catch(() => {});

  const onData = (chunk: Uint8Array | string) => {
    source.pause();
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    writer.write(bytes).then(resume, stop);
  };
  const onEnd = () => {
    detach();
    writer.close().catch(() => {});
  };
  let stopped = false;
  const resume = () => {
    if (!stopped) source.resume();
  };
  const detach = () => {
    stopped = true;
    source.off('data', onData).off('end', onEnd).off('error', onEnd);
  };
  const stop = () => {
    if (stopped) return;
    detach();
    // A late error of a stream that nobody looks at any more must not end the process.
    source.on('error', () => {});
    source.pause();
  };

  source.on('end', onEnd).on('error', onEnd).on('data', onData);
  if (source.readableEnded) onEnd();
  return { stop };
}
