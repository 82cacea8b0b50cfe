/** Of guests: that of this machine. */
export const ARCHITECTURE: 'amd64' | 'arm64' = process.arch === 'x64' ? 'amd64' : 'arm64';
