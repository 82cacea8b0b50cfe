#!/usr/bin/env node
// Starts on any Node from 20 on and goes on with one that runs TypeScript as it is: its own, or the checkout's.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const checkoutNode = fileURLToPath(new URL('../../../node_modules/node/bin/node', import.meta.url));
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major >= 24 || (major === 22 && minor >= 18)) {
  await import(main);
} else if (existsSync(checkoutNode)) {
  const child = spawn(checkoutNode, [main, ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']))
    process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    console.error(error.message);
    process.exit(1);
  });
  child.on('exit', (code) => process.exit(code ?? 1));
} else {
  console.error(
    `The testbed needs Node 22.18 or later (this is ${process.versions.node}). \`npm start\` installs one into this checkout.`,
  );
  process.exit(1);
}
