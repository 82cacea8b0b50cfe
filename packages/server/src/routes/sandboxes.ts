import { createRoute } from '@hono/zod-openapi';
import type { SandboxState } from '@sandbox/core';
import type { MiddlewareHandler } from 'hono';
import type { Box } from '../box.ts';
import { createBox } from '../create.ts';
import { boxesOf, boxOf, notThere } from '../find.ts';
import { forgetLost, inspectBox } from '../lost.ts';
import { type App, type AppEnv, body, working } from '../middleware.ts';
import { HttpError } from '../problem.ts';
import { createSchema, idParameter, sandboxListSchema, sandboxSchema, statsSchema } from '../schemas.ts';
import type { Service } from '../service.ts';
import { json, problems } from './described.ts';

/** Making, looking at and removing. */
export function addSandboxes(app: App, service: Service): void {
  addCreate(app, service);
  addLooking(app, service);
  addRemove(app, service);
}

function addCreate(app: App, service: Service): void {
  const { life, places, limits } = service;
  const releases = new WeakMap<object, () => void>();
  const place: MiddlewareHandler<AppEnv> = async (c, next) => {
    if (places.isFull(c.get('user'))) await forgetLost(service);
    const leave = await places.enter(c.get('user'), c.get('signal'));
    releases.set(c.env.incoming, leave);
    try {
      await next();
    } finally {
      // Taken over by the sandbox, where one was made.
      releases.get(c.env.incoming)?.();
    }
  };
  app.openapi(
    createRoute({
      method: 'post',
      path: '/sandbox',
      operationId: 'createSandbox',
      summary: 'Make a sandbox',
      description: 'Files are written, nothing is executed.',
      middleware: [place, working(service), body(service, 'application/json')] as MiddlewareHandler<AppEnv>[],
      request: { body: { required: true, content: { 'application/json': { schema: createSchema } } } },
      responses: { 201: json(sandboxSchema, 'It is there.'), ...problems },
    }),
    async (c) => {
      const user = c.get('user');
      const release = releases.get(c.env.incoming) ?? (() => {});
      const made = await createBox(service, c.req.valid('json'), { user, signal: c.get('signal'), release });
      releases.delete(c.env.incoming);
      const box = await life.adopt(made);
      tellCreation(service, box);
      // Nobody will ever know its id.
      if (c.get('signal').aborted && box.ephemeral) await life.remove(box);
      return c.json(box.view('running', limits.idleTtlMs), 201);
    },
  );
}

function tellCreation({ log }: Service, { id, facts: { user, language, sandbox } }: Box): void {
  const { runtime: adapter, lifecycle } = sandbox;
  // A long-lived one may have been there before.
  const what = lifecycle === 'ephemeral' ? 'created' : 'opened';
  log.info({ sandbox: id, user, runtime: language?.id ?? 'unknown', adapter, lifecycle }, what);
}

function addLooking(app: App, service: Service): void {
  const { limits } = service;
  app.openapi(
    createRoute({
      method: 'get',
      path: '/sandbox',
      operationId: 'listSandboxes',
      summary: 'All sandboxes of yours',
      responses: { 200: json(sandboxListSchema, 'Those that are there.'), ...problems },
    }),
    async (c) => c.json({ sandboxes: await boxesOf(service, c.get('user')) }, 200),
  );
  app.openapi(
    createRoute({
      method: 'get',
      path: '/sandbox/{id}',
      operationId: 'getSandbox',
      summary: 'One sandbox',
      description: '410 for an hour after it has gone, with the result of its last execution.',
      request: { params: idParameter },
      responses: { 200: json(sandboxSchema, 'As it is now.'), ...problems },
    }),
    async (c) => {
      const box = await boxOf(service, c.get('user'), c.req.valid('param').id);
      const state = await stateOf(service, box);
      return c.json(box.view(state, limits.idleTtlMs), 200);
    },
  );
  app.openapi(
    createRoute({
      method: 'get',
      path: '/sandbox/{id}/stats',
      operationId: 'getStats',
      summary: 'What a sandbox uses now',
      request: { params: idParameter },
      responses: { 200: json(statsSchema, 'Null: the engine cannot tell.'), ...problems },
    }),
    async (c) => {
      const box = await boxOf(service, c.get('user'), c.req.valid('param').id);
      const { memoryBytes, memoryLimitBytes, cpuMs, pids } = await box.facts.sandbox.stats();
      return c.json({ memoryBytes, memoryLimitBytes, cpuMs, pids }, 200);
    },
  );
}

/** One that is not there any more, by whatever way it went, has gone for us too: a 410. Another user's of that name is not there. */
async function stateOf(service: Service, box: Box): Promise<SandboxState> {
  const { life } = service;
  const details = await inspectBox(service, box);
  if (details === undefined) {
    life.find(box.facts.user, box.id);
    throw notThere(box.id);
  }
  if (details.user === null || details.user === box.facts.user) return details.state;
  await life.letGo(box);
  throw notThere(box.id);
}

function addRemove(app: App, service: Service): void {
  app.openapi(
    createRoute({
      method: 'delete',
      path: '/sandbox/{id}',
      operationId: 'removeSandbox',
      summary: 'Remove a sandbox',
      description: 'Ends what runs in it, and answers when it is gone. Success too when it had gone.',
      request: { params: idParameter },
      responses: { 204: { description: 'It is gone.' }, ...problems },
    }),
    async (c) => {
      const { id } = c.req.valid('param');
      try {
        const box = await boxOf(service, c.get('user'), id);
        await service.life.remove(box);
      } catch (error) {
        if (!(error instanceof HttpError) || error.options.status !== 410) throw error;
        await service.life.removed(id);
      }
      return c.body(null, 204);
    },
  );
}
