import { randomBytes } from 'node:crypto';
import { PROTOCOL_VERSION } from './frames.ts';
import { GuestError } from './guest-error.ts';
import { WINDOW } from './inbound-channel.ts';
import { arrayOf, type Message, numberOf, objectOf, stringOf, textOf } from './message.ts';
import { printable } from './printable.ts';
import type { AgentFacts, AgentHello } from './session.ts';
import type { Text } from './text.ts';

const MAX_GROUPS = 65_536;

export function newKey(): Buffer {
  return randomBytes(16);
}

export function encodeHello(key: Buffer, heartbeatMs: number): string {
  return JSON.stringify({
    version: PROTOCOL_VERSION,
    key: key.toString('base64'),
    window: WINDOW,
    heartbeatMs,
  });
}

/** The agent's greeting. Throws for one that no agent of this version sends. */
export function parseHello(message: Message): { hello: AgentHello; window: number } {
  const version = numberOf(message, 'version');
  if (version !== PROTOCOL_VERSION) {
    throw new GuestError(
      'UNSUPPORTED',
      `the agent speaks version ${version}, this host version ${PROTOCOL_VERSION}`,
    );
  }
  const window = numberOf(message, 'window');
  if (!Number.isInteger(window) || window < 1 || window > 0xffff_ffff) {
    throw new GuestError('UNKNOWN', `the agent's window is ${window}`);
  }
  const hello: AgentHello = {
    version,
    agent: printable(stringOf(message, 'agent')),
    arch: printable(stringOf(message, 'arch')),
    pid: numberOf(message, 'pid'),
    uid: numberOf(message, 'uid'),
    gid: numberOf(message, 'gid'),
    groups: groupsOf(message),
    facts: parseFacts(objectOf(message.facts ?? {}, 'facts')),
  };
  return { hello, window };
}

function groupsOf(message: Message): number[] {
  if (message.groups === null) return [];
  const groups = arrayOf(message, 'groups').filter((group) => typeof group === 'number');
  return groups.slice(0, MAX_GROUPS);
}

/** What cannot be understood is null, like what cannot be seen: facts are for reports, and grow with the agent. */
function parseFacts(facts: Message): AgentFacts {
  const cgroup = optionalObject(facts.cgroup);
  return {
    capEff: optionalString(facts.capEff),
    capBnd: optionalString(facts.capBnd),
    noNewPrivs: typeof facts.noNewPrivs === 'boolean' ? facts.noNewPrivs : null,
    seccomp: optionalNumber(facts.seccomp),
    rlimits: parseLimits(optionalObject(facts.rlimits)),
    kernel: optionalString(facts.kernel),
    cgroup: {
      memoryMax: limitOf(cgroup.memoryMax),
      pidsMax: limitOf(cgroup.pidsMax),
      cpuMax: limitOf(cgroup.cpuMax),
    },
    home: optionalText(facts, 'home'),
    workdir: optionalText(facts, 'workdir'),
  };
}

function parseLimits(limits: Message): AgentFacts['rlimits'] {
  const parsed: Record<string, readonly [number | null, number | null]> = {};
  for (const name of ['nofile', 'fsize', 'nproc', 'core']) {
    const pair = limits[name];
    if (Array.isArray(pair)) parsed[name] = [optionalNumber(pair[0]), optionalNumber(pair[1])];
  }
  return parsed;
}

function optionalObject(value: unknown): Message {
  return typeof value === 'object' && value !== null ? (value as Message) : {};
}

function optionalNumber(value: unknown): number | null {
  return typeof value === 'number' ? value : null;
}

/** No limit is a number too: the largest. */
function limitOf(value: unknown): number | null {
  return value === 'max' ? Number.POSITIVE_INFINITY : optionalNumber(value);
}

function optionalString(value: unknown): string | null {
  return typeof value === 'string' ? printable(value) : null;
}

function optionalText(facts: Message, name: string): Text | null {
  return facts[name] === undefined || facts[name] === null ? null : textOf(facts, name);
}
