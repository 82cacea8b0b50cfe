import { randomBytes } from 'node:crypto';
import { createPodmanAdapter } from '@sandbox/adapter-podman';
import { type ImageStore, tarArchive } from '@sandbox/core';

// One of several programs that build and remove images of their own at once; prints what went wrong.
const [base = '', own = '', rounds = ''] = process.argv.slice(2);
const adapter = createPodmanAdapter({ service: 'private' });
const images = adapter.images as ImageStore;

async function step(what: string, work: Promise<unknown>): Promise<void> {
  await work.catch((error: Error) => console.log(`${what}: ${error.message.replaceAll(/\s+/g, ' ')}`));
}

for (let round = 0; round < Number(rounds); round += 1) {
  const tag = `localhost/${own}:${round}`;
  // The first step is the same for all, and is kept for them.
  const Dockerfile = Buffer.from(`FROM ${base}\nENV SHARED=yes\nCOPY file /file\nCOPY file /again\n`);
  const context = tarArchive({ Dockerfile, file: randomBytes(1000) });
  await step('build', images.build({ tag, context, labels: { own } }));
  await step('list', images.list({ own }));
  await step('remove', images.remove(tag));
}
await adapter.close();
