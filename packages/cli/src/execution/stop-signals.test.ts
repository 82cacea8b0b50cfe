import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { watchStopSignals } from './stop-signals.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('counts what a terminal and a parent process both sent as one, and a second Ctrl-C as a second', () => {
  const source = new EventEmitter();
  const heard: string[] = [];
  const watch = watchStopSignals(source, (signal) => heard.push(signal));
  const send = (signal: string) => source.emit(signal, signal);

  send('SIGINT');
  vi.advanceTimersByTime(20);
  send('SIGINT');
  expect(heard).toEqual(['SIGINT']);
  send('SIGTERM');
  expect(heard).toEqual(['SIGINT', 'SIGTERM']);
  vi.advanceTimersByTime(150);
  send('SIGINT');
  expect(heard).toEqual(['SIGINT', 'SIGTERM', 'SIGINT']);
  send('SIGHUP');
  send('SIGQUIT');
  expect(heard.slice(3)).toEqual(['SIGHUP', 'SIGQUIT']);

  watch[Symbol.dispose]();
  vi.advanceTimersByTime(1_000);
  send('SIGINT');
  expect(heard).toHaveLength(5);
  expect(source.eventNames()).toEqual([]);
});

it('hears a key that is held down', () => {
  const source = new EventEmitter();
  let heard = 0;
  using _watch = watchStopSignals(source, () => {
    heard += 1;
  });
  for (let count = 0; count < 20; count += 1) {
    source.emit('SIGINT', 'SIGINT');
    vi.advanceTimersByTime(30);
  }
  expect(heard).toBe(5);
});
