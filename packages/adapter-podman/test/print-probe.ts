import { createPodmanAdapter } from '@sandbox/adapter-podman';

// Run as another user by the tests.
const adapter = createPodmanAdapter({ service: 'private' });
console.log(JSON.stringify(await adapter.probe()));
await adapter.close();
