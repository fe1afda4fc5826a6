import { describe, expect, it } from 'vitest';
import { formatDrops, formatRate, type PortSample, ratesBetween, renderTable } from './live_view.js';

const IDLE: PortSample = {
  name: 'lan0',
  up: true,
  rxFrames: 0,
  rxBytes: 0,
  txFrames: 0,
  txBytes: 0,
  drops: {},
};

describe('ratesBetween', () => {
  it('divides what was counted by the time that passed', () => {
    const before = { nowMs: 1000, ports: [{ ...IDLE, rxFrames: 100, rxBytes: 10_000 }] };
    const after = {
      nowMs: 1500,
      ports: [{ ...IDLE, rxFrames: 200, rxBytes: 20_000, txFrames: 5, txBytes: 500 }],
    };
    expect(ratesBetween(before, after)).toEqual([
      { port: 'lan0', up: true, rxFps: 200, rxBps: 160_000, txFps: 10, txBps: 8000, drops: [] },
    ]);
  });

  it('takes a port that came, and one whose counters began anew, from zero', () => {
    const before = { nowMs: 0, ports: [{ ...IDLE, rxFrames: 1000 }] };
    const after = {
      nowMs: 1000,
      ports: [
        { ...IDLE, rxFrames: 7 },
        { ...IDLE, name: 'wan0', rxFrames: 3 },
      ],
    };
    expect(ratesBetween(before, after).map(({ rxFps }) => rxFps)).toEqual([7, 3]);
  });

  it('gives no rate when no time has passed', () => {
    const sample = { nowMs: 5, ports: [{ ...IDLE, rxFrames: 7 }] };
    expect(ratesBetween(sample, sample)[0]?.rxFps).toBe(0);
  });

  it('orders drops by count, then by name, without those that are zero', () => {
    const ports = [{ ...IDLE, drops: { B: 2, A: 2, NONE: 0, C: 9 } }];
    expect(ratesBetween({ nowMs: 0, ports: [] }, { nowMs: 1, ports })[0]?.drops).toEqual([
      ['C', 9],
      ['A', 2],
      ['B', 2],
    ]);
  });
});

describe('formatRate', () => {
  it.each([
    [0, '0'],
    [0.04, '0'],
    [0.5, '0.5'],
    [3, '3'],
    [9.94, '9.9'],
    [9.96, '10'],
    [999, '999'],
    [999.6, '1.00k'],
    [1234, '1.23k'],
    [9996, '10.0k'],
    [99_960, '100k'],
    [999_600, '1.00M'],
    [14.4e9, '14.4G'],
    [2.5e12, '2.50T'],
  ])('%d is %s', (value, text) => {
    expect(formatRate(value)).toBe(text);
  });
});

describe('formatDrops', () => {
  it('shows the three most frequent reasons and how many more there are', () => {
    const drops = [
      ['IP_INNOROUTES', 1234],
      ['NEIGH_FAILED', 30],
      ['IP_CSUM', 2],
      ['NO_SOCKET', 1],
    ] as const;
    expect(formatDrops(drops)).toBe('IP_INNOROUTES 1.23k, NEIGH_FAILED 30, IP_CSUM 2, 1 more');
    expect(formatDrops([])).toBe('-');
  });
});

describe('renderTable', () => {
  const rates = [
    { port: 'lan0', up: true, rxFps: 1.2e6, rxBps: 14.4e9, txFps: 1.19e6, txBps: 14.3e9, drops: [] },
    {
      port: 'a-long-name',
      up: false,
      rxFps: 0,
      rxBps: 0,
      txFps: 0,
      txBps: 0,
      drops: [['NEIGH_FAILED', 3]] as const,
    },
  ];

  it('aligns names left and figures right', () => {
    expect(renderTable(rates, 100, false)).toEqual([
      'port         link    rx fps  rx bit/s  tx fps  tx bit/s  drops',
      'lan0         up       1.20M     14.4G   1.19M     14.3G  -',
      'a-long-name  down         0         0       0         0  NEIGH_FAILED 3',
    ]);
  });

  it('is cut to the width of the terminal, to any width', () => {
    const whole = renderTable(rates, 100, false);
    for (let width = 0; width <= 100; width++) {
      for (const [index, line] of renderTable(rates, width, false).entries()) {
        expect(line.length).toBeLessThanOrEqual(width);
        expect(whole[index]?.startsWith(line)).toBe(true);
      }
    }
  });

  it('has the same text with color, and no escape outside of it', () => {
    const sgr = new RegExp(`${String.fromCharCode(27)}\\[\\d*m`, 'g');
    for (const width of [10, 40, 100]) {
      const colored = renderTable(rates, width, true);
      expect(colored.join()).toMatch(sgr);
      expect(colored.map((line) => line.replace(sgr, ''))).toEqual(renderTable(rates, width, false));
    }
  });
});
