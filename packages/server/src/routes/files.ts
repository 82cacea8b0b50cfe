import { createRoute, z } from '@hono/zod-openapi';
import { type FileStat, GUEST_SCRATCH } from '@sandbox/core';
import type { Context, MiddlewareHandler } from 'hono';
import type { Box } from '../box.ts';
import { checkArchive, guestPath, type NewFile, newFile, storeFiles } from '../files.ts';
import { boxOf } from '../find.ts';
import { type App, type AppEnv, body, working } from '../middleware.ts';
import { HttpError, invalidRequest } from '../problem.ts';
import {
  directorySchema,
  filesSchema,
  idParameter,
  MAX_FILES,
  optionalPathQuery,
  pathQuery,
  type StoredFile,
  storedFilesSchema,
} from '../schemas.ts';
import type { Service } from '../service.ts';
import { json, problems } from './described.ts';

const TAR = 'application/x-tar';
const JSON_TYPE = 'application/json';
const MULTIPART = 'multipart/form-data';
/** Of a directory that is listed; a larger one comes as an archive. */
const MAX_ENTRIES = 10_000;
const binary = z.string().openapi({ format: 'binary' });

/** Files in, out and away. */
export function addFiles(app: App, service: Service): void {
  addPut(app, service);
  addGet(app, service);
  addDelete(app, service);
}

const putFiles = createRoute({
  method: 'post',
  path: '/sandbox/{id}/files',
  operationId: 'putFiles',
  summary: 'Put files into a sandbox',
  description: `A list as at creation, a tar archive, or a form whose parts are named by their paths. An archive is unpacked in \`path\` (\`${GUEST_SCRATCH}\`).`,
  request: {
    params: idParameter,
    query: optionalPathQuery,
    body: {
      required: true,
      content: {
        [JSON_TYPE]: { schema: filesSchema },
        [TAR]: { schema: binary },
        [MULTIPART]: { schema: z.record(z.string(), binary) },
      },
    },
  },
  responses: { 200: json(storedFilesSchema, 'They are there.'), ...problems },
});

/** By hand: a body of three kinds is more than a route can check by itself. */
function addPut(app: App, service: Service): void {
  app.openAPIRegistry.registerPath(putFiles);
  app.post(
    putFiles.getRoutingPath(),
    working(service),
    body(service, JSON_TYPE, TAR, MULTIPART),
    async (c) => {
      const box = await boxOf(service, c.get('user'), c.req.param('id') ?? '');
      const query = optionalPathQuery.safeParse(c.req.query());
      if (!query.success) throw invalidRequest(query.error);
      const files = await receive(c, box, query.data.path);
      box.stored(files);
      return c.json({ files }, 200);
    },
  );
}

/** Whichever form they have. */
async function receive(c: Context<AppEnv>, box: Box, path: string | undefined): Promise<StoredFile[]> {
  const { sandbox } = box.facts;
  const signal = c.get('signal');
  const type = c.req.header('content-type')?.toLowerCase() ?? '';
  if (type.startsWith(TAR)) return unpack(c, box, path ?? '.');
  if (path !== undefined)
    throw new HttpError('INVALID_ARGUMENT', 'path goes with a tar archive only; files have their own');
  if (type.startsWith(MULTIPART)) return storeFiles(sandbox, await partsOf(c), signal);
  const parsed = filesSchema.safeParse(await c.req.json());
  if (!parsed.success) throw invalidRequest(parsed.error);
  return storeFiles(sandbox, parsed.data.map(newFile), signal);
}

async function unpack(c: Context<AppEnv>, { facts: { sandbox } }: Box, path: string): Promise<StoredFile[]> {
  const archive = c.get('bytes');
  const files = await checkArchive(archive);
  await sandbox.files.unpack(guestPath(sandbox, path), archive, { signal: c.get('signal') });
  return files.map((file) => ({ ...file, path: path === '.' ? file.path : `${path}/${file.path}` }));
}

async function partsOf(c: Context<AppEnv>): Promise<NewFile[]> {
  let form: FormData;
  try {
    const headers = { 'content-type': c.req.header('content-type') ?? '' };
    form = await new Response(c.get('bytes'), { headers }).formData();
  } catch (error) {
    throw new HttpError('INVALID_ARGUMENT', `the form cannot be read: ${(error as Error).message}`);
  }
  const parts = [...form.entries()];
  if (parts.length > MAX_FILES) throw new HttpError('INVALID_ARGUMENT', `more than ${MAX_FILES} files`);
  return Promise.all(
    parts.map(async ([path, value]) => {
      const file = newFile({ path, content: '' });
      const content =
        typeof value === 'string' ? Buffer.from(value) : new Uint8Array(await value.arrayBuffer());
      return { ...file, content };
    }),
  );
}

function addGet(app: App, service: Service): void {
  app.openapi(
    createRoute({
      method: 'get',
      path: '/sandbox/{id}/files',
      operationId: 'getFiles',
      summary: 'A file, or what is in a directory',
      description: `A file comes as its bytes, a directory as a list. With \`Accept: ${TAR}\` either comes as a tar archive.`,
      middleware: [working(service)] as MiddlewareHandler<AppEnv>[],
      request: { params: idParameter, query: pathQuery },
      responses: {
        200: {
          description: 'The file, the list or the archive.',
          content: {
            'application/octet-stream': { schema: binary },
            [JSON_TYPE]: { schema: directorySchema },
            [TAR]: { schema: binary },
          },
        },
        ...problems,
      },
    }),
    async (c) => {
      const box = await boxOf(service, c.get('user'), c.req.valid('param').id);
      const { files } = box.facts.sandbox;
      const path = guestPath(box.facts.sandbox, c.req.valid('query').path);
      const signal = c.get('signal');
      const accept = c.req.header('accept') ?? '';
      const { type } = await files.stat(path, { signal });
      if (accept.includes(TAR)) {
        const pack = () => (type === 'directory' ? files.pack(path, { signal }) : packOne(box, path, signal));
        return (await bytes(c, TAR, pack)) as never;
      }
      if (type === 'directory') {
        const entries = await files.list(path, { maxEntries: MAX_ENTRIES, signal });
        return c.json({ path: c.req.valid('query').path, entries: entries.map(infoOf) }, 200);
      }
      if (type !== 'file') throw new HttpError('FAILED_PRECONDITION', `it is a ${type}, and no file`);
      const read = () => files.read(path, { signal });
      return (await bytes(c, 'application/octet-stream', read)) as never;
    },
  );
}

function packOne({ facts: { sandbox } }: Box, path: string, signal: AbortSignal) {
  const at = path.lastIndexOf('/');
  const directory = at === -1 ? '.' : path.slice(0, at) || '/';
  return sandbox.files.pack(directory, { names: [path.slice(at + 1)], signal });
}

/** Never shown by a browser as a page of ours. Work until its last byte, and none for HEAD: nobody would read what was opened. */
async function bytes(
  c: Context<AppEnv>,
  type: string,
  open: () => Promise<ReadableStream<Uint8Array>>,
): Promise<Response> {
  const headers = { 'content-type': type, 'content-disposition': 'attachment' };
  if (c.req.method === 'HEAD') return new Response(null, { status: 200, headers });
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const content = await open();
  c.set(
    'until',
    content.pipeTo(writable).catch(() => {}),
  );
  return new Response(readable as ReadableStream, { status: 200, headers });
}

function infoOf({ name, path, type, sizeBytes, mode, modifiedAt, target }: FileStat) {
  return {
    ...{ name, path, type, sizeBytes, mode },
    modifiedAt: modifiedAt.toISOString(),
    target: target ?? null,
  };
}

function addDelete(app: App, service: Service): void {
  app.openapi(
    createRoute({
      method: 'delete',
      path: '/sandbox/{id}/files',
      operationId: 'removeFiles',
      summary: 'Remove a file, or a directory with all that is in it',
      request: { params: idParameter, query: pathQuery },
      responses: { 204: { description: 'It is gone.' }, ...problems },
    }),
    async (c) => {
      const box = await boxOf(service, c.get('user'), c.req.valid('param').id);
      const { path } = c.req.valid('query');
      await box.facts.sandbox.files.remove(guestPath(box.facts.sandbox, path), {
        recursive: true,
        signal: c.get('signal'),
      });
      box.forget(path);
      return c.body(null, 204);
    },
  );
}
