import { runConformance } from '@sandbox/conformance';
import { afterAll, describe, expect, it } from 'vitest';
import { createExampleAdapter } from '../src/index.ts';

runConformance({ describe, it, expect, afterAll, createAdapter: () => createExampleAdapter() });
