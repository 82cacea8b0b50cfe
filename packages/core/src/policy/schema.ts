import { z } from 'zod';
import { CONTROLS, type Control } from '../adapter/capabilities.ts';
import { SandboxError } from '../errors/sandbox-error.ts';
import { validateEnv } from './command.ts';
import type { Policy, PolicyInput } from './policy.ts';
import { parseUser } from './user.ts';

/** Controls that no best effort relaxes: without them a sandbox is not the one that was asked for, or none at all. */
export const NEVER_RELAXED: readonly Control[] = ['workspace-access', 'network-none', 'user', 'namespaces'];

/** Those that best effort may leave out. */
export const RELAXABLE_CONTROLS: readonly Control[] = CONTROLS.filter(
  (control) => !NEVER_RELAXED.includes(control),
);
/** Docker's smallest; the agent itself needs a few MiB of it. */
const SMALLEST_MEMORY = 6 * 2 ** 20;
/** The longest that a timer of Node can wait: 24 days. */
const LONGEST_TIMEOUT = 2 ** 31 - 1;

const count = (least: number, unit: string) =>
  z.int(`is a whole number of ${unit}`).min(least, `is at least ${least} ${unit}`);

const image = z
  .string('is the name of an image')
  .regex(/^([A-Za-z0-9][^\s\0]*|\/[^\0]+)$/, 'is the name of an image, such as debian:bookworm-slim');

const user = z.string('is a user: 1000, 1000:1000, or root').check((context) => relay(context, parseUser));
const env = z.custom<Readonly<Record<string, string>>>().check((context) => relay(context, validateEnv));
const bestEffort = z.array(
  z.enum(RELAXABLE_CONTROLS as [Control, ...Control[]], {
    error: ({ input }) =>
      NEVER_RELAXED.includes(input as Control)
        ? `cannot contain ${String(input)}, which is never relaxed`
        : `is a list of controls: ${RELAXABLE_CONTROLS.join(', ')}`,
  }),
  'is a list of controls',
);

/** What a layer may ask for. Strict: a key that is not here is an error that names it. */
export const policyInputSchema = z.strictObject({
  image: image.optional(),
  profile: z.enum(['strict', 'workspace'], 'is strict or workspace').optional(),
  memoryBytes: count(SMALLEST_MEMORY, 'bytes').optional(),
  cpus: z
    .number('is a number of processors')
    .min(0.01, 'is at least 0.01')
    .max(4096, 'is at most 4096')
    .nullable()
    .optional(),
  pids: count(1, 'processes')
    .max(2 ** 22, `is at most ${2 ** 22}`)
    .optional(),
  openFiles: count(16, 'files')
    .max(2 ** 30, `is at most ${2 ** 30}`)
    .optional(),
  fileSizeBytes: count(1, 'bytes').nullable().optional(),
  diskBytes: count(1, 'bytes').nullable().optional(),
  tmpfsBytes: count(4096, 'bytes').optional(),
  network: z.enum(['none', 'full'], 'is none or full').optional(),
  workspaceAccess: z.enum(['rw', 'ro', 'none'], 'is rw, ro or none').optional(),
  allowRoot: z.boolean('is true or false').optional(),
  timeoutMs: count(1, 'milliseconds')
    .max(LONGEST_TIMEOUT, `is at most ${LONGEST_TIMEOUT} milliseconds (24 days)`)
    .nullable()
    .optional(),
  user: user.nullable().optional(),
  env: env.optional(),
  bestEffort: bestEffort.optional(),
} satisfies Record<keyof Policy, z.ZodType>);

/** Checks what a layer asks for. `INVALID_ARGUMENT` names the layer, the key, what was given and what is allowed. */
export function parsePolicyInput(input: unknown, layer = 'policy'): PolicyInput {
  const result = policyInputSchema.safeParse(input);
  if (result.success) return result.data;
  const { issues } = result.error;
  const shape = issues.some((issue) => issue.code === 'unrecognized_keys' || issue.path.length === 0);
  throw new SandboxError(
    'INVALID_ARGUMENT',
    `${layer}: ${issues.map((issue) => sentence(issue, input)).join('; ')}`,
    {
      operation: 'policy',
      hint: shape ? `Known keys: ${Object.keys(policyInputSchema.shape).join(', ')}.` : hintOf(issues),
    },
  );
}

function sentence(issue: z.core.$ZodIssue, input: unknown): string {
  if (issue.code === 'unrecognized_keys')
    return `unknown key ${issue.keys.map((key) => `\`${key}\``).join(', ')}`;
  // One of our own checks: a sentence that names the key.
  if (issue.code === 'custom' && issue.params !== undefined) return issue.message;
  const [key, ...rest] = issue.path.map(String);
  if (key === undefined) return `is an object, not ${quote(input)}`;
  const given = (input as Record<string, unknown>)[key];
  return `\`${[key, ...rest].join('.')}\` ${issue.message}, not ${quote(given)}`;
}

function hintOf(issues: readonly z.core.$ZodIssue[]): string | undefined {
  const hints = issues.flatMap((issue) => (issue.code === 'custom' ? [issue.params?.hint] : []));
  return hints.find((hint) => typeof hint === 'string');
}

function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

function relay<T>(context: z.core.ParsePayload<T>, check: (value: T) => unknown): void {
  try {
    check(context.value);
  } catch (error) {
    const { message, hint } = SandboxError.withContext(error, {});
    context.issues.push({ code: 'custom', message, params: { hint }, input: context.value });
  }
}
