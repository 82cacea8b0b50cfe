import { homedir, userInfo } from 'node:os';
import { isAbsolute } from 'node:path';

/** HOME; where that is empty or relative, and would lead into the working directory, what the system has for the user. `/` for one that it does not know. */
export function homeDirectory(home?: string): string {
  try {
    const named = home ?? homedir();
    return isAbsolute(named) ? named : userInfo().homedir;
  } catch {
    return '/';
  }
}
