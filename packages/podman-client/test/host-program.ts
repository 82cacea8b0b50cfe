import { PodmanConnection } from '@sandbox/podman-client';

// A user's program, run as a process of its own by the tests: it prints where Podman answers, and closes nothing.
const connection = new PodmanConnection({ service: 'private' });
await connection.ready();
console.log(connection.endpoint.socketPath);
if (process.argv[2] === 'stay') setInterval(() => {}, 60_000);
