/** What the replay module calls of the core: imports by the name of this file. */
export declare function rx(handle: u32, queue: u32, count: u32): i32;
export declare function poll(nowLo: u32, nowHi: u32, budget: u32): u32;
