/*
 * wasm2c's output brings the float operations of WebAssembly along as inline functions. The core adds and multiplies a
 * few doubles (libgcc does that), but rounds none: these declarations satisfy the compiler, and a use would not link.
 */
#pragma once
#define isnan(x) __builtin_isnan(x)
#define signbit(x) __builtin_signbit(x)
float floorf(float x);
float ceilf(float x);
float truncf(float x);
float nearbyintf(float x);
float fabsf(float x);
float sqrtf(float x);
double floor(double x);
double ceil(double x);
double trunc(double x);
double nearbyint(double x);
double fabs(double x);
double sqrt(double x);
