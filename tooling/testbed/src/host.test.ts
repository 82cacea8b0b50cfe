import { describe, expect, it } from 'vitest';
import { asRoot, type Host, readHost, whyNotInstall } from './host.ts';

const debianAsRoot: Host = {
  platform: 'linux',
  distribution: 'debian',
  hasApt: true,
  isRoot: true,
  hasSystemd: false,
  installForbidden: false,
};

describe('whyNotInstall', () => {
  it('allows it on Debian as root, and nowhere else', () => {
    expect(whyNotInstall(debianAsRoot)).toBeUndefined();
    expect(whyNotInstall({ ...debianAsRoot, isRoot: false })).toMatch(/only root/);
    expect(whyNotInstall({ ...debianAsRoot, distribution: 'ubuntu' })).toMatch(/Debian only.*ubuntu/);
    expect(whyNotInstall({ ...debianAsRoot, platform: 'macos' })).toMatch(/macOS/);
    expect(whyNotInstall({ ...debianAsRoot, installForbidden: true })).toMatch(/SANDBOX_NO_INSTALL/);
  });
});

describe('readHost', () => {
  it.each([
    [undefined, false],
    ['', false],
    ['0', false],
    ['1', true],
    ['yes', true],
  ])('takes SANDBOX_NO_INSTALL=%s for %s', (value, expected) => {
    expect(readHost({ SANDBOX_NO_INSTALL: value }).installForbidden).toBe(expected);
  });
});

it('asks an ordinary user for sudo', () => {
  expect(asRoot(debianAsRoot, 'apt-get update')).toBe('apt-get update');
  expect(asRoot({ ...debianAsRoot, isRoot: false }, 'apt-get update')).toBe('sudo apt-get update');
});
