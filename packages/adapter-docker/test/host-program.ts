import { createDockerAdapter } from '@sandbox/adapter-docker';
import { agentArtifact, openSession } from '@sandbox/guest';
import { sandboxSpec } from './docker-here.ts';

// A user's program, run as a process of its own by the tests: it prints a name, and closes nothing.
const [mode, agentVolume, digest] = process.argv.slice(2);
const adapter = createDockerAdapter({ agentVolume });

if (mode === 'probed') {
  await adapter.probe();
  console.log('-');
} else if (mode === 'agent') {
  const agent = { digest: digest ?? '', path: agentArtifact().path };
  const spec = sandboxSpec({ agent, argv: [`/.sandbox/${digest}/agent`, 'session'] });
  await adapter.create(spec);
  const session = await openSession(await adapter.start(spec.name, { attach: true }));
  console.log(spec.name);
  await session.close();
  await adapter.remove(spec.name);
} else {
  const spec = sandboxSpec();
  await adapter.create(spec);
  if (mode === 'made') await adapter.remove(spec.name);
  else {
    const session = await openSession(await adapter.start(spec.name, { attach: true }));
    if (mode === 'session') session.exec({ argv: ['sleep', '1000'] });
  }
  console.log(spec.name);
}
