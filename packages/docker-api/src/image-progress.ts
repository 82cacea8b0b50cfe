import type { ImageProgress } from '@sandbox/core';

/** One line of what an engine streams while it pulls or builds. */
export interface ProgressLine {
  status?: string;
  id?: string;
  progressDetail?: { current?: number; total?: number } | null;
  stream?: string;
  error?: string;
  errorDetail?: { message?: string };
  aux?: { ID?: string };
}

/** Adds up the layers of a pull. Downloading counts for a layer's size, extracting does not count again: the numbers never fall. Pure but for what it adds up. */
export class PullProgress {
  readonly #layers = new Map<string, { current: number; total: number }>();
  #reported = 0;

  take(line: ProgressLine): ImageProgress {
    const { id, status = '', progressDetail } = line;
    if (id !== undefined) this.#count(id, status, progressDetail?.current, progressDetail?.total);
    let current = 0;
    let total = 0;
    for (const layer of this.#layers.values()) {
      current += layer.current;
      total += layer.total;
    }
    this.#reported = Math.max(this.#reported, current);
    const message = id === undefined ? status : `${status} ${id}`;
    return total === 0 ? { message } : { message, current: Math.min(this.#reported, total), total };
  }

  #count(id: string, status: string, current = 0, total = 0): void {
    const layer = this.#layers.get(id) ?? { current: 0, total: 0 };
    if (status === 'Downloading') {
      layer.total = Math.max(layer.total, total);
      layer.current = Math.min(Math.max(layer.current, current), layer.total);
    } else if (/^(Download complete|Pull complete|Verifying|Extracting|Already exists)/.test(status)) {
      layer.current = layer.total;
    }
    if (layer.total > 0) this.#layers.set(id, layer);
  }
}

/** `Step 3/7 : RUN make`, in capitals on Podman, and whatever the steps print. */
export function buildProgress(line: ProgressLine): ImageProgress | null {
  const message = (line.stream ?? line.status ?? '').trimEnd();
  if (message === '') return null;
  const step = /^Step (\d+)\/(\d+) ?: /i.exec(message);
  return step ? { message, current: Number(step[1]), total: Number(step[2]) } : { message };
}

/** The lines of a stream of JSON objects, one a line, however it is cut; a line that is too long or no JSON is an error. */
export async function* progressLines(source: AsyncIterable<Uint8Array>): AsyncGenerator<ProgressLine> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of source) {
    rest += decoder.decode(chunk, { stream: true });
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') yield JSON.parse(line) as ProgressLine;
    if (rest.length > 4 * 1024 * 1024) throw new Error('a line of progress is longer than 4 MiB');
  }
  if (rest.trim() !== '') yield JSON.parse(rest) as ProgressLine;
}
