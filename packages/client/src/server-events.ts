export interface ServerEvent {
  readonly event: string;
  readonly data: string;
}

/** Server-sent events of a stream, those without a name left out: comments only keep the connection alive. Leaving the loop cancels it. */
export async function* eventsOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  let event: string | undefined;
  let data: string[] = [];
  for await (const line of linesOf(stream)) {
    if (line === '') {
      if (event !== undefined) yield { event, data: data.join('\n') };
      event = undefined;
      data = [];
      continue;
    }
    const [, field, value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (field === 'event') event = value;
    if (field === 'data') data.push(value);
  }
}

/** Lines that have come to their end. One may be of megabytes and come in many pieces: none of them is looked at twice. */
async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let begun: string[] = [];
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const [first = '', ...others] = decoder.decode(value, { stream: true }).split('\n');
      begun.push(first);
      for (const other of others) {
        yield begun.join('').replace(/\r$/, '');
        begun = [other];
      }
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}
