import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Finding, incomplete, tooLate } from './code-warning.ts';

/** To the process. */
export interface LaneRequest {
  readonly id: number;
  readonly code: string;
  readonly language: string;
  /** After which it gives what it has. */
  readonly timeoutMs: number;
}

/** From the process. Null: that was all. */
export interface LaneAnswer {
  readonly id: number;
  readonly findings: readonly Finding[] | null;
}

export interface LaneJob {
  readonly code: string;
  readonly language: string;
  /** Waiting for its turn included. */
  readonly timeoutMs: number;
}

interface Entry extends LaneJob {
  readonly id: number;
  readonly endsAt: number;
  readonly findings: Finding[];
  readonly finish: () => void;
}

const program = fileURLToPath(
  new URL(`./check-process${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url),
);
const execArgv = [
  // Optimizing the PowerShell grammar takes a processor for seconds, and no program with it can exit before.
  '--liftoff-only',
  '--max-old-space-size=512',
  // 512 MiB for trees. Some code of a few kilobytes makes the C# parser take all it can get.
  '--wasm-max-mem-pages=8192',
];
/** For the process to give what it has before it is killed. */
const GRACE_MS = 250;
const IDLE_MS = 30_000;
/** A timer that is set for longer is over at once. */
const MOST_MS = 2 ** 31 - 1;

/** One process that looks at one piece of code after the other. It is started when it is needed, killed when it is late, and keeps nobody alive. */
export class Lane {
  readonly #idleMs: number;
  #process: ChildProcess | undefined;
  #current: Entry | undefined;
  #waiting: Entry[] = [];
  #lastId = 0;
  #idle: NodeJS.Timeout | undefined;

  /** @param idleMs how long the process stays without work */
  constructor(idleMs = IDLE_MS) {
    this.#idleMs = idleMs;
  }

  /** What was found until the time was up. Never rejects. */
  check(job: LaneJob): Promise<readonly Finding[]> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#expire(entry), Math.min(job.timeoutMs, MOST_MS));
      const findings: Finding[] = [];
      const finish = () => {
        clearTimeout(timer);
        resolve(findings);
      };
      const entry: Entry = {
        ...job,
        ...{ id: ++this.#lastId, endsAt: performance.now() + job.timeoutMs, findings, finish },
      };
      this.#waiting.push(entry);
      this.#next();
    });
  }

  #next(): void {
    if (this.#current !== undefined) return;
    this.#current = this.#waiting.shift();
    if (this.#current === undefined) this.#rest();
    else this.#begin(this.#current);
  }

  #begin({ id, code, language, endsAt }: Entry): void {
    clearTimeout(this.#idle);
    const timeoutMs = Math.max(0, endsAt - performance.now() - GRACE_MS);
    this.#process ??= this.#start();
    const child = this.#process;
    child.ref();
    child.channel?.ref();
    // A process that is gone is told by `exit`.
    child.send({ id, code, language, timeoutMs } satisfies LaneRequest, () => {});
  }

  #start(): ChildProcess {
    const child = fork(program, [], {
      execArgv,
      env: {},
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      serialization: 'advanced',
    });
    const lost = () => {
      if (this.#process !== child) return;
      this.#process = undefined;
      this.#end(incomplete('failure', 'the code was not checked to the end: the checking process ended'));
    };
    child.on('error', lost);
    child.on('exit', lost);
    child.on('message', ({ id, findings }: LaneAnswer) => {
      if (this.#process !== child || id !== this.#current?.id) return;
      if (findings !== null) {
        this.#current.findings.push(...findings);
        return;
      }
      // Code that brings the parser to its limits may have broken it, and is not to tamper with what others are told.
      if (this.#current.findings.some(({ kind }) => kind === 'incomplete')) this.#stop();
      this.#end();
    });
    return child;
  }

  /** Of what is under way. */
  #end(last?: Finding): void {
    const entry = this.#current;
    this.#current = undefined;
    if (entry !== undefined) {
      if (last !== undefined) entry.findings.push(last);
      entry.finish();
    }
    this.#next();
  }

  #expire(entry: Entry): void {
    const late = tooLate('secrets, syntax and calls');
    if (entry === this.#current) {
      this.#stop();
      this.#end(late);
      return;
    }
    this.#waiting = this.#waiting.filter((other) => other !== entry);
    entry.findings.push(late);
    entry.finish();
  }

  /** Nobody waits for an idle process to end, and it does not stay for ever. */
  #rest(): void {
    this.#process?.unref();
    this.#process?.channel?.unref();
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.#stop(), this.#idleMs).unref();
  }

  #stop(): void {
    const child = this.#process;
    this.#process = undefined;
    child?.kill('SIGKILL');
    child?.unref();
    child?.channel?.unref();
  }
}
