// Loaded before a program, with `--import`: its wall clock then goes wrong by SHIFT_MS, as one that somebody has set.
const shift = Number(process.env.SHIFT_MS);
const { now: realNow } = Date;
const now = () => realNow() + shift;

globalThis.Date = new Proxy(Date, {
  construct: (target, given, asked) => Reflect.construct(target, given.length === 0 ? [now()] : given, asked),
  get: (target, key) => (key === 'now' ? now : Reflect.get(target, key)),
});
