export { ARCHITECTURE } from './architecture.ts';
export { type ClientProcess, clientProcess } from './client-process.ts';
export { type ContainerAnswer, infoOf } from './container-answer.ts';
export { containerCli } from './container-cli.ts';
export { INSTALL, programError, RUNTIME, START, unless } from './errors.ts';
export { AppleContainerImages } from './images.ts';
export { carries, labelArgs, readLabels } from './labels.ts';
export { AppleContainerVolumes } from './volumes.ts';
