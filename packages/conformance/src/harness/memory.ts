/** Bytes of JavaScript's heap and of buffers, of all that runs in this process. */
export function memoryHeld(): number {
  const { arrayBuffers, external, heapUsed } = process.memoryUsage();
  return Math.max(arrayBuffers, external) + heapUsed;
}
