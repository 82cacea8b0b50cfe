import { problemSchema } from '../schemas.ts';

/** Answers of every route, for the OpenAPI document. */
export const problems = {
  default: {
    description: 'A failure. `code` says which, `hint` what to do.',
    content: { 'application/problem+json': { schema: problemSchema } },
  },
} as const;

export const json = <T>(schema: T, description: string) => ({
  description,
  content: { 'application/json': { schema } },
});
