import { z } from '@hono/zod-openapi';
import { type Control, ENDINGS, ERROR_CODES, RELAXABLE_CONTROLS } from '@sandbox/core';

/** Of a list of files in a request, and of paths. */
export const MAX_FILES = 1000;
export const MAX_PATH_LENGTH = 4096;
export const MAX_PATH_DEPTH = 32;
const MAX_ARGUMENTS = 10_000;
const DAY_MS = 86_400_000;
const MAX_KEEP_MS = 7 * DAY_MS;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

const path = z
  .string()
  .min(1)
  .max(MAX_PATH_LENGTH)
  .openapi({ description: 'Relative to `/sandbox`, or absolute. Parents are made.', example: 'src/main.sh' });

export const fileSchema = z
  .strictObject({
    path,
    content: z.string(),
    encoding: z.enum(['utf8', 'base64']).optional().openapi({ description: 'Of `content`. Default: utf8.' }),
    is_executable: z.boolean().optional(),
  })
  .openapi('File');

export const filesSchema = z.array(fileSchema).max(MAX_FILES);

const size = z
  .union([z.int().min(0), z.string().max(32)])
  .openapi({ description: 'Bytes, or with a unit: `"512m"`.', example: '512m' });

const duration = z
  .union([z.int().min(1).max(LONGEST_TIMER_MS), z.string().max(32)])
  .openapi({ description: 'Milliseconds, or with a unit: `"30s"`.', example: '30s' });

export const limitsSchema = z
  .strictObject({
    memoryBytes: size.optional(),
    cpus: z.number().positive().nullable().optional(),
    pids: z.int().min(1).optional(),
    openFiles: z.int().min(1).optional(),
    fileSizeBytes: size.nullable().optional(),
    diskBytes: size.nullable().optional(),
    tmpfsBytes: size.optional(),
    timeoutMs: duration.nullable().optional(),
  })
  .openapi('Limits');

const environment = z.record(z.string(), z.string());
const tag = z.string().regex(/^[A-Za-z0-9_.-]{1,40}$/);

export const createSchema = z
  .strictObject({
    runtime: z
      .string()
      .min(1)
      .max(64)
      .openapi({ description: 'The language: `bash`, `python`, …', example: 'bash' }),
    code: z.string().optional().openapi({ description: 'What `execute` runs that names nothing else.' }),
    files: filesSchema.optional(),
    adapter: z
      .string()
      .min(1)
      .max(64)
      .optional()
      .openapi({ description: 'The engine: `docker`, `podman`, `nsjail`, … Default: as configured.' }),
    image: z.string().min(1).max(512).optional(),
    user: z
      .string()
      .min(1)
      .max(32)
      .optional()
      .openapi({ description: 'Who commands run as inside: `1000`, `1000:1000`, `root`.' }),
    limits: limitsSchema.optional(),
    network: z.enum(['none', 'full']).optional(),
    bestEffort: z.array(z.enum(RELAXABLE_CONTROLS as [Control, ...Control[]])).optional(),
    env: environment.optional(),
    lifecycle: z.enum(['ephemeral', 'long-lived']).optional().openapi({
      description:
        'Default: ephemeral. Long-lived is the one sandbox of a workspace, or of a task of a project, which has the volume of its project at `/workspace`.',
    }),
    workspace: z
      .string()
      .min(1)
      .max(MAX_PATH_LENGTH)
      .optional()
      .openapi({ description: 'Host directory for `/workspace`, in one of your `workspace_roots`.' }),
    workspaceAccess: z.enum(['rw', 'ro', 'none']).optional(),
    project: tag.optional().openapi({
      description:
        'What it is for. With `task` it names a long-lived sandbox; an ephemeral one only bears it.',
    }),
    task: tag.optional(),
    keep: z
      .boolean()
      .optional()
      .openapi({ description: 'Keeps it for more executions. Default: it is removed after the first.' }),
    keepMs: z
      .int()
      .min(1)
      .max(MAX_KEEP_MS)
      .optional()
      .openapi({ description: 'Keeps it for so long, from its creation on.' }),
  })
  .openapi('CreateSandbox');

export const executeSchema = z
  .strictObject({
    code: z.string().optional(),
    command: z.string().min(1).optional().openapi({ description: 'A program, not a shell line.' }),
    args: z.array(z.string()).max(MAX_ARGUMENTS).optional(),
    stdin: z.string().optional(),
    env: environment.optional(),
    cwd: path.optional().openapi({ description: 'Where it starts. Default: `/sandbox`.' }),
    timeoutMs: z.int().min(1).max(LONGEST_TIMER_MS).nullable().optional(),
  })
  .openapi('Execute');

const enforcementSchema = z
  .record(
    z.string(),
    z.object({
      requested: z.union([z.number(), z.string(), z.boolean()]).nullable(),
      effective: z.union([z.number(), z.string(), z.boolean()]).nullable(),
      status: z.enum(['enforced', 'limited', 'unsupported']),
      how: z.string(),
      source: z.enum(['default', 'config', 'user', 'cron', 'request']),
    }),
  )
  .openapi('Enforcement', { description: 'What was asked for and what really holds, control by control.' });

const number = z.number().nullable();

export const effectiveLimitsSchema = z
  .object({
    memoryBytes: number,
    cpus: number,
    pids: number,
    openFiles: number,
    fileSizeBytes: number,
    diskBytes: number,
    tmpfsBytes: number,
    timeoutMs: number,
  })
  .openapi('EffectiveLimits', { description: 'Null: no limit, or not known.' });

const time = z.string().openapi({ format: 'date-time' });

export const storedFileSchema = z
  .object({ path: z.string(), sizeBytes: z.int(), is_executable: z.boolean() })
  .openapi('StoredFile');

const codeWarningSchema = z
  .object({
    kind: z.enum(['syntax', 'dangerous-call', 'secret', 'size', 'incomplete']),
    rule: z.string().openapi({ description: 'Stable name.', example: 'python/eval' }),
    message: z.string(),
    path: z.string().nullable(),
    line: z.int().nullable().openapi({ description: 'From 1. Null: about the code as a whole.' }),
    column: z.int().nullable().openapi({ description: 'From 1, in UTF-16 code units.' }),
  })
  .openapi('CodeWarning');

const codeWarningsSchema = z.array(codeWarningSchema).openapi({
  description: 'What was found in the code before it ran. Advice only; `warnings` has it as text.',
});

export const sandboxSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    runtime: z.string(),
    adapter: z.string(),
    state: z.enum(['creating', 'created', 'running', 'paused', 'stopped', 'missing', 'unknown']),
    lifecycle: z.enum(['ephemeral', 'long-lived']),
    user: z.string(),
    createdAt: time,
    expiresAt: time.nullable().openapi({
      description: 'When it is removed, if nothing more is executed in it. Null: never by itself.',
    }),
    files: z.array(storedFileSchema),
    limits: effectiveLimitsSchema,
    enforcement: enforcementSchema,
    warnings: z.array(z.string()),
    codeWarnings: codeWarningsSchema,
    project: z.string().nullable(),
    task: z.string().nullable(),
  })
  .openapi('Sandbox');

export const sandboxListSchema = z.object({ sandboxes: z.array(sandboxSchema) }).openapi('SandboxList');

export const resultSchema = z
  .object({
    runtime: z.string(),
    adapter: z.string().nullable(),
    adapterReason: z.string().nullable(),
    sandbox: z.string().nullable(),
    command: z.array(z.string()),
    ending: z.enum(ENDINGS).nullable(),
    exitCode: z.int().nullable().openapi({ description: 'Null unless `ending` is `exited`.' }),
    signal: z.string().nullable(),
    stdout: z.string(),
    stderr: z.string(),
    stdoutTruncated: z.boolean(),
    stderrTruncated: z.boolean(),
    durationMs: number,
    usage: z.object({ cpuMs: z.number(), peakMemoryBytes: z.number() }).nullable(),
    enforcement: enforcementSchema,
    warnings: z.array(z.string()),
    codeWarnings: codeWarningsSchema,
  })
  .openapi('Result');

const fileInfoSchema = z
  .object({
    name: z.string(),
    path: z.string(),
    type: z.enum(['file', 'directory', 'symlink', 'fifo', 'socket', 'device']),
    sizeBytes: z.number(),
    mode: z.int().openapi({ description: 'Permission bits.' }),
    modifiedAt: time,
    target: z.string().nullable(),
  })
  .openapi('FileInfo');

export const directorySchema = z
  .object({ path: z.string(), entries: z.array(fileInfoSchema) })
  .openapi('Directory');

export const storedFilesSchema = z.object({ files: z.array(storedFileSchema) }).openapi('StoredFiles');

export const statsSchema = z
  .object({ memoryBytes: number, memoryLimitBytes: number, cpuMs: number, pids: number })
  .openapi('Stats');

export const healthSchema = z
  .looseObject({
    status: z.enum(['ok', 'closing']),
    version: z.string(),
    images: z
      .record(z.string(), z.enum(['missing', 'pulling', 'ready', 'failed']))
      .optional()
      .openapi({ description: 'Images that are made ready in the background: those of `prepull`.' }),
  })
  .openapi('Health');

export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.enum(ERROR_CODES),
    hint: z.string().nullable(),
    // Not `nullable`, which would make every result one that may be null.
    lastResult: z.union([resultSchema, z.null()]).optional(),
  })
  .openapi('Problem');

export const idParameter = z.object({ id: z.string().openapi({ param: { name: 'id', in: 'path' } }) });
export const pathQuery = z.object({ path: z.string().min(1).max(MAX_PATH_LENGTH) });
export const optionalPathQuery = z.object({ path: z.string().min(1).max(MAX_PATH_LENGTH).optional() });

export type CreateRequest = z.infer<typeof createSchema>;
export type ExecuteRequest = z.infer<typeof executeSchema>;
export type FileInput = z.infer<typeof fileSchema>;
export type StoredFile = z.infer<typeof storedFileSchema>;
export type SandboxView = z.infer<typeof sandboxSchema>;
export type Result = z.infer<typeof resultSchema>;
