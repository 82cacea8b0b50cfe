// Builds the agent for every architecture into ../agents, with a manifest. Does nothing when nothing has changed.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const sources = dirname(fileURLToPath(import.meta.url));
const output = join(sources, '..', 'agents');
const manifestPath = join(output, 'manifest.json');
const { version } = JSON.parse(readFileSync(join(sources, '..', 'package.json'), 'utf8'));
const architectures = ['amd64', 'arm64'];

// What could make the binary depend on the machine it is built on is set, or taken away.
const environment = {
  ...process.env,
  CGO_ENABLED: '0',
  GOOS: 'linux',
  GOFLAGS: '',
  GOWORK: 'off',
  GOTOOLCHAIN: 'local',
  GOAMD64: 'v1',
  GOARM64: '',
  GOEXPERIMENT: '',
};

const toolchain = goVersion();
const build = hash(
  ...sourceFiles().flatMap((name) => [name, readFileSync(join(sources, name))]),
  version,
).slice(0, 12);
const inputs = `${build} ${toolchain}`;
if (upToDate()) process.exit(0);

const files = {};
for (const arch of architectures) {
  const path = join(`linux-${arch}`, 'agent');
  const target = join(output, path);
  mkdirSync(dirname(target), { recursive: true });
  run(
    'go',
    [
      'build',
      '-trimpath',
      '-buildvcs=false',
      '-ldflags',
      `-s -w -buildid= -E main.entry -X main.version=${version} -X main.build=${build}`,
      '-o',
      target,
      '.',
    ],
    { ...environment, GOARCH: arch },
  );
  chmodSync(target, 0o755);
  const bytes = readFileSync(target);
  files[arch] = { path, sha256: hash(bytes), size: bytes.length };
}
const digest = hash(...architectures.map((arch) => files[arch].sha256)).slice(0, 16);
writeFileSync(manifestPath, `${JSON.stringify({ digest, version, build, inputs, files }, null, 2)}\n`);
console.log(`agent ${version} (${build}) built with ${toolchain}: digest ${digest}`);

function sourceFiles() {
  return readdirSync(sources)
    .filter(
      (name) =>
        (/\.(go|s)$/.test(name) && !name.endsWith('_test.go')) || name === 'go.mod' || name === 'build.mjs',
    )
    .sort();
}

function hash(...parts) {
  const sum = createHash('sha256');
  for (const part of parts) sum.update(part).update('\0');
  return sum.digest('hex');
}

function goVersion() {
  const found = spawnSync('go', ['env', 'GOVERSION'], { cwd: sources, env: environment, encoding: 'utf8' });
  if (found.error || found.status !== 0) {
    const what =
      found.error?.code === 'ENOENT'
        ? 'is not installed'
        : `does not work (${found.error?.message ?? found.stderr.trim()})`;
    console.error(
      `The guest agent is built with Go 1.19 or newer, and go ${what}. On Debian type: apt-get install golang-go  (elsewhere: https://go.dev/dl, or brew install go)`,
    );
    process.exit(1);
  }
  return found.stdout.trim();
}

function upToDate() {
  try {
    const manifest = JSON.parse(readFileSync(manifestPath, 'utf8'));
    return (
      manifest.inputs === inputs &&
      architectures.every(
        (arch) => hash(readFileSync(join(output, manifest.files[arch].path))) === manifest.files[arch].sha256,
      )
    );
  } catch {
    return false;
  }
}

function run(command, args, env) {
  const done = spawnSync(command, args, { cwd: sources, env, stdio: 'inherit' });
  if (done.status !== 0) process.exit(done.status ?? 1);
}
