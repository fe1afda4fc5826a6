/** What is called of the core: imports by the name of this file. */
export declare function init(config: usize): i32;
export declare function status(): usize;
export declare function request(nowLo: u32, nowHi: u32, bytes: u32): u32;
export declare function rx(handle: u32, queue: u32, count: u32): i32;
export declare function poll(nowLo: u32, nowHi: u32, budget: u32): u32;
