/* wasm2c's output includes it for what this core does not use. */
#pragma once
