// Prints what the adapter in the module that is named finds here. Run by rights.ts.
const [module = '', factory = ''] = process.argv.slice(2);
const { [factory]: createAdapter } = await import(module);
console.log(JSON.stringify(await createAdapter().probe()));
