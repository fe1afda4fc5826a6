/** The lab's two hosts as those who meet each other by TCP: lab_hosts_kernel.ts and lab_hosts_in_process.ts are one each. */
export type LabHostName = 'lan' | 'wan';

/** What a host hears when it reaches another. */
export interface Met {
  /** Who answered. */
  readonly by: LabHostName;
  /** The address that the other saw it come from. */
  readonly seen: string;
}

export interface LabHosts {
  /** Connects to a port that both hosts serve (LAB_FORWARD.to), or to another; null: nobody answered until `signal`. */
  connect(from: LabHostName, to: string, port: number, signal: AbortSignal): Promise<Met | null>;
  close(): Promise<void>;
}
