import { stripVTControlCharacters } from 'node:util';
import type { ImageProgress } from '../adapter/images.ts';

/** How apt, apk and dnf begin a line that says what is wrong, some builders with a step and a time before it. */
const COMPLAINT = /^(?:#\d+ [\d.]+ )?(?:E|ERROR|Error):\s*/;
/** Less than a complaint: apt writes it in pieces, and dnf goes on in the next line. */
const BEGUN = /^(?:#\d+ [\d.]+ )?(?:E|(?:E|ERROR|Error):)\s*$/;
const LINE_LENGTH = 200;

/** What the build of a layer prints, in pieces that may be less than a line. */
export class BuildLines {
  #step: Pick<ImageProgress, 'current' | 'total'> = {};
  #begun = '';
  #complaint: string | undefined;

  /** With the step that it belongs to. */
  take(progress: ImageProgress): ImageProgress {
    const { message, current, total } = progress;
    if (current !== undefined && total !== undefined) this.#step = { current, total };
    for (const line of stripVTControlCharacters(message).split('\n')) this.#look(line);
    return { ...this.#step, ...progress, detail: true };
  }

  /** What a package manager said first against it, which tells more than its exit code. */
  get reason(): string | undefined {
    return this.#complaint;
  }

  #look(piece: string): void {
    if (this.#complaint !== undefined) return;
    const line = this.#begun + piece;
    this.#begun = BEGUN.test(line) ? line.trimEnd() : '';
    if (this.#begun !== '' || !COMPLAINT.test(line)) return;
    this.#complaint = line.replace(COMPLAINT, '').trim().slice(0, LINE_LENGTH);
  }
}
