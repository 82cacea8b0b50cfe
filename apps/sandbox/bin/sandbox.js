#!/usr/bin/env -S node --
// Runs on old Nodes too, if only to say what is missing: keep the syntax plain. What the program needs is 22.13; an older Node
// goes on with the checkout's own, as a child process that gets our streams and our signals.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const MAJOR = 22;
const MINOR = 13;
// Tells the child that it is one. A second start of this kind would mean that the checkout's Node is too old as well.
const LAUNCHED = 'SANDBOX_LAUNCHED';
const FORWARDED = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']);

const main = new URL('../dist/main.js', import.meta.url);
const checkout = fileURLToPath(new URL('../../..', import.meta.url));
const checkoutNode = fileURLToPath(new URL('../../../node_modules/.bin/node', import.meta.url));

/** @param {string} message @param {string} hint */
function fail(message, hint) {
  process.stderr.write(`sandbox: ${message}\nhint: ${hint}\n`);
  process.exit(125);
}

/** @param {string} version */
function isNewEnough(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > MAJOR || (major === MAJOR && minor >= MINOR);
}

/**
 * Node takes `--env-file`, our option, for its own wherever it stands in front of a `--`, and puts what the file says into our
 * environment, where a DOCKER_HOST meant for the sandbox would be ours. The kernel still knows what we were started with.
 */
function forgetEnvFile() {
  if (!process.argv.some((word) => word.startsWith('--env-file')) || !existsSync('/proc/self/environ'))
    return;
  const given = readFileSync('/proc/self/environ', 'utf8').split('\0');
  const names = new Set(given.map((assignment) => assignment.slice(0, assignment.indexOf('='))));
  for (const name of Object.keys(process.env)) if (!names.has(name)) delete process.env[name];
}

/** Node reads the command line as UTF-8. A word that is not would reach the command as another one: better not at all. */
function refuseMangledWords() {
  if (!process.argv.some((word) => word.includes('\ufffd')) || !existsSync('/proc/self/cmdline')) return;
  const given = readFileSync('/proc/self/cmdline');
  if (given.equals(Buffer.from(given.toString()))) return;
  process.stderr.write(
    'sandbox: a word of the command line is not valid UTF-8, and would be changed on its way\n',
  );
  process.stderr.write('hint: Pass such bytes on stdin or in a file.\n');
  process.exit(2);
}

function launch() {
  const child = spawn(checkoutNode, ['--', fileURLToPath(import.meta.url)].concat(process.argv.slice(2)), {
    // The channel carries nothing: that it closes tells the child of our end, however we end.
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: Object.assign({}, process.env, { [LAUNCHED]: '1' }),
  });
  // A terminal signals the child by itself too; it takes what comes twice at once for one.
  /** @param {NodeJS.Signals} signal */
  const forward = (signal) => child.kill(signal);
  for (const signal of FORWARDED) process.on(signal, forward);
  child.on('error', (error) => {
    fail(`the Node of this checkout cannot be started: ${error.message}`, `npm start, in ${checkout}`);
  });
  child.on('exit', (code, signal) => {
    for (const each of FORWARDED) process.removeListener(each, forward);
    if (signal) process.kill(process.pid, signal);
    else process.exit(code === null ? 125 : code);
  });
}

function listenForLauncher() {
  delete process.env[LAUNCHED];
  if (!process.channel) return;
  process.on('disconnect', () => process.kill(process.pid, 'SIGHUP'));
  // Listening must not keep us running.
  process.channel.unref();
}

refuseMangledWords();
forgetEnvFile();
if (!existsSync(main)) {
  fail('this checkout is not built yet', `npm start, in ${checkout}`);
} else if (isNewEnough(process.versions.node)) {
  if (process.env[LAUNCHED]) listenForLauncher();
  import(main.href);
} else if (existsSync(checkoutNode) && !process.env[LAUNCHED]) {
  launch();
} else {
  fail(
    `Node ${MAJOR}.${MINOR} or newer is needed, and this is ${process.versions.node}`,
    'npm start in a checkout brings its own Node; elsewhere get one from https://nodejs.org',
  );
}
