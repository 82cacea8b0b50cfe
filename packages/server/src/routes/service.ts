import { createRoute, z } from '@hono/zod-openapi';
import { type Family, labels } from '../metrics.ts';
import { type App, authorize } from '../middleware.ts';
import { healthSchema } from '../schemas.ts';
import type { Service } from '../service.ts';
import { json, problems } from './described.ts';

/** What is told of the service itself. */
export function addService(app: App, service: Service): void {
  const { version, health, closing, metrics } = service;
  app.openapi(
    createRoute({
      method: 'get',
      path: '/health',
      operationId: 'health',
      summary: 'Whether the service is up',
      security: [],
      responses: { 200: json(healthSchema, 'It is.'), ...problems },
    }),
    (c) => {
      const status = closing.signal.aborted ? ('closing' as const) : ('ok' as const);
      return c.json({ ...health(), status, version }, 200);
    },
  );
  app.openapi(
    createRoute({
      method: 'get',
      path: '/metrics',
      operationId: 'metrics',
      summary: 'Counts for Prometheus',
      middleware: [authorize(service)] as const,
      responses: {
        200: { description: 'Prometheus text.', content: { 'text/plain': { schema: z.string() } } },
        ...problems,
      },
    }),
    (c) => {
      c.header('content-type', 'text/plain; version=0.0.4; charset=utf-8');
      return c.body(metrics.text(familiesOf(service)), 200) as never;
    },
  );
}

function familiesOf({ life, places, work }: Service): Family[] {
  const sandboxes = new Map<string, number>();
  let running = 0;
  const admissions = [
    ['sandboxes', places],
    ['requests', work],
  ] as const;
  for (const box of life.boxes) {
    const { sandbox, language } = box.facts;
    const key = labels({
      runtime: language?.id ?? 'unknown',
      adapter: sandbox.runtime,
      lifecycle: sandbox.lifecycle,
    });
    sandboxes.set(key, (sandboxes.get(key) ?? 0) + 1);
    running += box.running.size;
  }
  const one = (name: string, help: string, value: number) => ({
    ...{ name, help, values: [['', value]] as const },
  });
  return [
    { name: 'sandbox_sandboxes', help: 'Sandboxes that are there.', values: sandboxes },
    one('sandbox_executions_running', 'Executions and terminals that are under way.', running),
    one('sandbox_requests_working', 'Requests that have a place.', work.taken),
    {
      name: 'sandbox_queue',
      help: 'Requests that wait for a place.',
      values: admissions.map(([what, { waiting }]) => [labels({ for: what }), waiting] as const),
    },
    {
      name: 'sandbox_refused_total',
      type: 'counter',
      help: 'Requests that got no place: the queue was full, or they would have waited too long.',
      values: admissions.flatMap(([what, { refused }]) =>
        Object.entries(refused).map(([reason, count]) => [labels({ for: what, reason }), count] as const),
      ),
    },
  ];
}
