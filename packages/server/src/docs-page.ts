interface Operation {
  readonly operationId?: string;
  readonly summary?: string;
  readonly description?: string;
  readonly parameters?: readonly unknown[];
  readonly requestBody?: unknown;
  readonly responses?: unknown;
}

interface Description {
  readonly info: { readonly title: string; readonly version: string; readonly description?: string };
  readonly paths?: unknown;
  readonly components?: unknown;
}

const METHODS = ['get', 'post', 'put', 'delete'] as const;

/** The OpenAPI document as one page that needs nothing from anywhere: no script, no font, no address of others. Pure. */
export function docsPage(description: unknown): string {
  const { info, paths = {}, components } = description as Description;
  const operations = Object.entries(paths as Record<string, Record<string, Operation>>).flatMap(
    ([path, methods]) =>
      METHODS.flatMap((method) => {
        const operation = methods[method];
        return operation === undefined ? [] : [section(method, path, operation)];
      }),
  );
  const schemas = Object.entries(((components as { schemas?: object })?.schemas ?? {}) as object).map(
    ([name, schema]) =>
      `<details id="schema-${escaped(name)}"><summary>${escaped(name)}</summary>${code(schema)}</details>`,
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(info.title)}</title><style>${STYLE}</style></head><body>
<h1>${escaped(info.title)} <small>${escaped(info.version)}</small></h1>
<p>Sandboxes are made, given files, executed in and removed. Send <code>Authorization: Bearer KEY</code> where keys are in use. A failure is a problem document
with <code>code</code> and <code>hint</code>. For programs: <a href="openapi.json">openapi.json</a>.</p>
${operations.join('\n')}
<h2>Objects</h2>
${schemas.join('\n')}
</body></html>
`;
}

function section(method: string, path: string, operation: Operation): string {
  const { summary = '', description = '', parameters, requestBody, responses } = operation;
  const details = {
    ...(parameters && { parameters }),
    ...(requestBody !== undefined && { requestBody }),
    responses,
  };
  return `<section id="${escaped(operation.operationId ?? '')}">
<h2><span class="${method}">${method.toUpperCase()}</span> <code>${escaped(path)}</code></h2>
<p><b>${escaped(summary)}.</b> ${ticks(description)}</p>
<details><summary>Parameters, body and answers</summary>${code(details)}</details></section>`;
}

/** A document as it is, with its references as links. */
function code(value: unknown): string {
  const text = escaped(JSON.stringify(value, null, 2));
  return `<pre>${text.replace(/#\/components\/schemas\/(\w+)/g, '<a href="#schema-$1">$1</a>')}</pre>`;
}

const ticks = (text: string) => escaped(text).replace(/`([^`]+)`/g, '<code>$1</code>');

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

const STYLE = `:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
h2{font-size:1.1rem;margin-top:2rem}small{font-weight:normal;opacity:.6}pre{overflow:auto;padding:1rem;border:1px solid #8884;border-radius:6px;font-size:13px}
.get,.post,.put,.delete{font:bold 12px system-ui;padding:.2em .6em;border-radius:4px;color:#fff;background:#2a6}.post,.put{background:#26a}.delete{background:#a33}
summary{cursor:pointer}`;
