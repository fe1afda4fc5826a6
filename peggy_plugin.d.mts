import type { Plugin } from 'esbuild';

export declare const peggyForEsbuild: Plugin;
export declare const peggyForVitest: {
  name: string;
  enforce: 'pre';
  load(id: string): { code: string; map: null } | undefined;
};
