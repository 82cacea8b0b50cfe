/** What is in an image made here, and under which name engines get it. */
export interface ImageRecipe {
  readonly name: string;
  /** Debian's release. */
  readonly suite: 'bookworm' | 'trixie';
  /** Debian packages on top of the smallest system that has apt. */
  readonly packages: readonly string[];
  /** Whether a registry has an image of this name, which is then better than ours. */
  readonly published: boolean;
}

/** The default image of the whole project. Ours holds what the published one does: no `ps`, no Python. */
export const defaultImage: ImageRecipe = {
  name: 'debian:bookworm-slim',
  suite: 'bookworm',
  packages: [],
  published: true,
};

/**
 * For tests that look at a sandbox from inside. As an existing tag is never overwritten, a change of the packages
 * takes a new tag.
 */
export const testImage: ImageRecipe = {
  name: 'sandbox-testbed:1',
  suite: 'bookworm',
  packages: ['iproute2', 'iputils-ping', 'procps', 'python3-minimal', 'strace'],
  published: false,
};

/** Made only when they are asked for, by the name that `up --with` takes. */
export const moreImages: Readonly<Record<string, ImageRecipe>> = {
  /** What the images of languages are built on in tests: its packages are new enough for six of them. */
  'debian-13': { name: 'debian:trixie-slim', suite: 'trixie', packages: [], published: true },
};

/** Recorded on every image that we import, so that they can be told from the user's own. */
export const imageLabel = 'dev.sandbox.testbed=true';
