// Prints what the adapter in the module that is named finds here. Run by rights.ts.
const { createNsjailAdapter } = await import(process.argv[2] ?? '');
console.log(JSON.stringify(await createNsjailAdapter().probe()));
