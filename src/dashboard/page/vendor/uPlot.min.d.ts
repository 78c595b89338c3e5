/** What the page uses of uPlot. */
declare class uPlot {
  constructor(options: object, data: (number | null)[][], target: HTMLElement);
  static join(tables: (number | null)[][][]): (number | null)[][];
  readonly data: (number | null)[][];
  readonly cursor: { idx?: number | null };
  setData(data: (number | null)[][]): void;
  setSize(size: { width: number, height: number }): void;
  destroy(): void;
}
export default uPlot;
