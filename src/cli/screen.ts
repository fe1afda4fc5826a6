/**
 * The lower lines of a terminal that are drawn again and again. What is printed meanwhile appears above them. The
 * cursor is hidden from the first drawing on and comes back with close(), or when the process exits, however it does.
 */

const ESC = '\x1b[';
const STYLES = { bold: '1', dim: '2', red: '31', green: '32', yellow: '33', cyan: '36' } as const;
export type Style = keyof typeof STYLES;

export interface TerminalStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

/** https://no-color.org: any value but the empty one means no. */
export function useColor(stream: TerminalStream, env: NodeJS.ProcessEnv = process.env): boolean {
  return stream.isTTY === true && (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb';
}

export function paint(text: string, style: Style, color: boolean): string {
  return color ? `${ESC}${STYLES[style]}m${text}${ESC}0m` : text;
}

export class Screen {
  readonly color: boolean;
  private lines: readonly string[] = [];
  private open = false;
  private readonly onExit = () => this.close();

  constructor(private readonly stream: TerminalStream) {
    this.color = useColor(stream);
  }

  get columns(): number {
    // A terminal that was never given a size says 0.
    return this.stream.columns || 80;
  }

  /** Replaces what the last call drew. The lines have to fit the width. */
  draw(lines: readonly string[]): void {
    const room = Math.max(1, (this.stream.rows || 24) - 1);
    const shown = lines.slice(0, room);
    let text = '';
    if (!this.open) {
      this.open = true;
      process.once('exit', this.onExit);
      text += `${ESC}?25l`;
    }
    text += this.home();
    for (const line of shown) text += `${line}${ESC}K\n`;
    this.stream.write(`${text}${ESC}J`);
    this.lines = shown;
  }

  /** Above the drawing, to stay. */
  print(text: string): void {
    if (this.lines.length === 0) {
      this.stream.write(text);
      return;
    }
    const { lines } = this;
    this.stream.write(`${this.home()}${ESC}J${text}`);
    this.lines = [];
    this.draw(lines);
  }

  /** Leaves the last drawing where it is. May be called twice; a later draw() begins below. */
  close(): void {
    if (!this.open) return;
    this.open = false;
    this.lines = [];
    process.removeListener('exit', this.onExit);
    this.stream.write(`${ESC}?25h`);
  }

  private home(): string {
    return this.lines.length === 0 ? '' : `\r${ESC}${this.lines.length}A`;
  }
}
