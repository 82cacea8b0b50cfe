/** Calls the caller's code. What it throws is its own bug: reported as uncaught, and no reason to end a session. */
export function guarded(call: () => void): void {
  try {
    call();
  } catch (error) {
    process.nextTick(() => {
      throw error;
    });
  }
}
